//! Which characters the terminal shows.

use std::env;

/// Whether text in UTF-8 is shown as it is. On Unix, the first of three variables that is set decides, and without any of them
/// the locale is `C`, which has ASCII only (POSIX, Environment Variables, 8.2). Others show all of Unicode.
pub(crate) fn is_utf8() -> bool {
    let mut variables = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(env::var_os);
    let locale = variables.find(|locale| !locale.is_empty());
    let names_utf8 = |locale: &str| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    };
    !cfg!(unix) || locale.is_some_and(|locale| names_utf8(&locale.to_string_lossy()))
}
