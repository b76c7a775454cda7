//! What the pages of publishers and repositories have in common, as data.
//!
//! From the rules of the Internet Archive's sandcrawler, of Unpaywall, and of Zotero, which took years to collect them. All
//! text is in lower case, and compared with lower case. What can be added in the configuration is in the same form there.

use super::Via;

/// Names of `<meta>` tags that declare the PDF of a page, best first. Google Scholar asks for the first one.
pub(super) const PDF_METAS: [(&str, Via); 4] = [
    ("citation_pdf_url", Via::CitationPdfUrl),
    ("bepress_citation_pdf_url", Via::BepressPdfUrl),
    ("wkhealth_pdf_url", Via::WkhealthPdfUrl),
    ("eprints.document_url", Via::EprintsDocumentUrl),
];

/// Hosts, with the beginning of a path, whose pages declare a wrong PDF: the metadata has been copied, or leads to a page of
/// another kind (Unpaywall).
pub(super) const WRONG_METAS: [&str; 9] = [
    "cora.ucc.ie/bitstream/",
    "zefq-journal.com",
    "nowpublishers.com",
    "researchonline.federation.edu.au/vital/access/manager/repository/",
    "dora.lib4ri.ch",
    "ifs.org.uk/publications/",
    "ogma.newcastle.edu.au",
    "cjon.ons.org",
    "dspace.library.uu.nl",
];

/// Names of `<meta>` tags that hold the title of the work that a page is about.
pub(super) const TITLE_METAS: [&str; 5] = [
    "citation_title",
    "bepress_citation_title",
    "eprints.title",
    "dc.title",
    "dcterms.title",
];

/// Names of `<meta>` tags that only pages about one work have.
pub(super) const WORK_METAS: [&str; 6] = [
    "citation_author",
    "citation_date",
    "citation_publication_date",
    "citation_firstpage",
    "bepress_citation_author",
    "eprints.creators_name",
];

/// Names of `<meta>` tags that hold the DOI of a page, among others.
pub(super) const DOI_METAS: [&str; 10] = [
    "citation_doi",
    "prism.doi",
    "dc.identifier",
    "dc.identifier.doi",
    "dcterms.identifier",
    "bepress_citation_doi",
    "publication_doi",
    "eprints.doi",
    "doi",
    "eprints.id_number",
];

/// Parts of the `class`, `id` or `role` of an element whose contents are about other works, or only a part of this one. They
/// begin where a word in it does, however its words are joined: `cited-by` is in `articleCitedBy` and `cited_by_list`.
pub(super) const OTHERS: [&str; 77] = [
    "reference-list",
    "references",
    "ref-list",
    "ref-item",
    "ref-lnk",
    "bibliography",
    "cited-by",
    "cited-list",
    "citing",
    "related",
    "recommend",
    "similar",
    "suggest",
    "supplement",
    "supporting-info",
    "attach-additional",
    "additional-file",
    "footnote",
    "book-toc",
    "toc-wrapper",
    "table-of-content",
    "linked-article",
    "author-info",
    "book-metrics",
    "cover-out",
    "cover-image",
    "nlm-back",
    "citation-content",
    "most-read",
    "most-cited",
    "most-view",
    "most-download",
    "most-popular",
    "trending-now",
    "trending-article",
    "trending-content",
    "trending-topic",
    "popular-article",
    "popular-content",
    "popular-download",
    "popular-item",
    "popular-paper",
    "popular-post",
    "latest-article",
    "latest-content",
    "latest-from",
    "latest-in",
    "latest-issue",
    "latest-news",
    "latest-paper",
    "latest-post",
    "latest-publication",
    "latest-research",
    "newsletter",
    "carousel",
    "preview-image",
    "preview-page",
    "page-preview",
    "abstract-preview",
    "article-preview",
    "book-preview",
    "chapter-preview",
    "cover-preview",
    "issue-preview",
    "first-page",
    "look-inside",
    "advert",
    "sponsor",
    "previous-next",
    "prev-next",
    "next-article",
    "more-from",
    "also-like",
    "further-reading",
    "also-read",
    "embed-widget",
    "ep-preview",
];

/// The same, where only all of it counts.
pub(super) const OTHER_WORDS: [&str; 13] = [
    "promo",
    "promos",
    "promotion",
    "toc",
    "refs",
    "issue-list",
    "hidden",
    "ad",
    "ads",
    "figures",
    "latest",
    "popular",
    "trending",
];

/// What begins like those but is about the files of the work itself.
pub(super) const OWN_OTHERS: [&str; 1] = ["related-files"];

/// Words of the `class` or `role` of what opens above a page.
pub(super) const DIALOGS: [&str; 5] = ["modal", "dialog", "popup", "lightbox", "offcanvas"];

/// Parts of its `class` or `id` by which it offers the article.
pub(super) const OWN_DIALOGS: [&str; 3] = ["pdf", "download", "fulltext"];

/// Words of the `class`, `id` or `role` of an element that all pages of a site have.
pub(super) const EDGES: [&str; 14] = [
    "sidebar",
    "footer",
    "navbar",
    "menu",
    "breadcrumb",
    "navigation",
    "complementary",
    "contentinfo",
    "banner",
    "cookie",
    "widget-area",
    "topbar",
    "top-bar",
    "masthead",
];

/// Words with which those of [`EDGES`] are about the article.
pub(super) const OWN_EDGES: [&str; 2] = ["article", "dropdown-menu"];

/// Words before others which say that those are about the layout of the page, such as `has-sidebar`.
pub(super) const NEGATIONS: [&str; 8] =
    ["has", "have", "no", "not", "with", "without", "is", "hide"];

/// Words behind those of [`EDGES`] which say the same, such as `menu-closed`.
pub(super) const STATES: [&str; 20] = [
    "open",
    "opened",
    "close",
    "closed",
    "active",
    "visible",
    "shown",
    "hidden",
    "collapsed",
    "expanded",
    "consented",
    "consent-given",
    "accepted",
    "enabled",
    "disabled",
    "on",
    "off",
    "loaded",
    "ready",
    "fixed",
];

/// Like [`EDGES`], where only all of it counts.
pub(super) const EDGE_WORDS: [&str; 6] =
    ["nav", "aside", "topnav", "top-nav", "mainnav", "main-nav"];

/// Elements of the same kind.
pub(super) const EDGE_ELEMENTS: [&str; 3] = ["nav", "footer", "aside"];

/// Ids of the part of a page that is not the same on all pages of a site.
pub(super) const MAINS: [&str; 10] = [
    "main",
    "content",
    "main-content",
    "maincontent",
    "main_content",
    "content-main",
    "contentmain",
    "page-content",
    "article-content",
    "article",
];

/// Links that are the article's: the host and the beginning of the URL's path, or a part of it; a selector; and whether
/// nothing but an article has such a link. Without host, any.
pub(super) const LINKS: [(&str, &str, bool); 58] = [
    // OJS
    ("", "#pdfdownloadlink", true),
    ("", "a.obj_galley_link", true),
    ("", "a.galley-link", true),
    ("", ".pkp_page_article a.download", true),
    ("", ".pkp_page_article a[href*=/article/download/]", false),
    ("", "#articlefulltext a.file", true),
    ("", "a.file.pdf", true),
    // Atypon, SAGE, Taylor & Francis, ACS, Wiley
    ("/doi/", "a.show-pdf[href*=/pdf]", true),
    ("/doi/", "a.pdf-download[href*=/doi/]", true),
    ("/doi/", "a[title=pdf][href*=/doi/]", true),
    ("", "a.show-pdf", false),
    // Springer, Nature, BMC
    ("", "a.c-pdf-download__link", true),
    ("", "a[data-article-pdf=true]", true),
    ("", "a[data-test=pdf-link]", true),
    // Silverchair, HighWire, eLife
    ("", "a.article-pdflink", true),
    ("", "a.article-pdf", true),
    ("", "a.article-dl-pdf-link", true),
    (
        "elifesciences.org",
        "a[data-download-type=pdf-article]",
        true,
    ),
    // repositories
    ("", "a.islandora-pdf-link", true),
    ("", "a[href*=/datastream/pdf/]", false),
    ("", "a[href*=/datastream/obj/download]", false),
    ("", "a.ep_document_link[href*=.pdf]", false),
    ("", ".widget-openaccess a", true),
    ("", "#detailedrecordminipanelfile a[href*=.pdf]", true),
    ("", "noscript a[href*=/mcrfilenodeservlet/]", true),
    ("/frontdoor/", "a.application_pdf[href*=/deliver/]", true),
    ("/frontdoor/", "a.application_pdf[href*=/files/]", true),
    ("", "a.document-link[href*=/portalfiles/]", true),
    ("", "a[href*=/bitstream/]", false),
    ("", "a[href*=/bitstreams/]", false),
    ("", "a[href*=/at_download/]", false),
    ("", ".download-button a[href*=/viewcontent.cgi]", true),
    ("", "a[href*=/viewcontent.cgi]", false),
    ("", "a[href*=/access/datafile/]", false),
    // hosts
    (
        "jcancer.org",
        ".divboxright a.text-button[href*=.pdf]",
        true,
    ),
    (
        "eurosurveillance.org/content/10.",
        "a.pdf[title=download]",
        true,
    ),
    ("bezmialemscience.org", ".contact-list a.download-pdf", true),
    ("journals.plos.org", "#downloadpdf", true),
    ("cyberleninka.ru", "#btn-download", true),
    ("cnki.net", "#pdfdown", true),
    ("jstage.jst.go.jp", "a.thirdlevel-pdf-btn", true),
    ("ssrn.com", "a[href*=/delivery.cfm]", false),
    ("aed.org.cn", "a[href*=create_pdf]", false),
    // what many have
    ("", "#pdf-download", false),
    ("", "#download-pdf", false),
    ("", "#downloadpdf", false),
    ("", "#full-text-pdf", false),
    ("", "#pdfdown", false),
    ("", "a.download-pdf", false),
    ("", "a.pdf-download", false),
    ("", "a.pdf-link", false),
    ("", "a.pdflink", false),
    ("", "a.pdf[title=download]", false),
    ("", "a.pdf[href*=/article/]", false),
    ("", "a.pdf[href*=.pdf]", false),
    ("", "a.btn-pdf", false),
    ("", "a.pdf-btn", false),
    ("", "a.pdfemb-viewer[href*=.pdf]", false),
];

/// Parts of the URLs of pages that list the articles of an issue, so that none of their links is their own.
pub(super) const ISSUES: [&str; 6] = [
    "/issue/view/",
    "/issue/current",
    "/issue/archive",
    "/toc/",
    "/loi/",
    "/showtoc",
];

/// Pages whose URL tells that of their PDF: the host, with its subdomains; a part of the path; and what stands in its place. An
/// empty part is the end of the path, and `*` is one segment. Without host, any.
pub(super) const REWRITES: [(&str, &str, &str); 34] = [
    ("arxiv.org", "/abs/", "/pdf/"),
    ("osf.io", "/*", "/*/download"),
    (
        "onlinelibrary.wiley.com",
        "/doi/abs/10.",
        "/doi/pdfdirect/10.",
    ),
    (
        "onlinelibrary.wiley.com",
        "/doi/full/10.",
        "/doi/pdfdirect/10.",
    ),
    (
        "onlinelibrary.wiley.com",
        "/doi/epdf/10.",
        "/doi/pdfdirect/10.",
    ),
    (
        "onlinelibrary.wiley.com",
        "/doi/pdf/10.",
        "/doi/pdfdirect/10.",
    ),
    ("onlinelibrary.wiley.com", "/doi/10.", "/doi/pdfdirect/10."),
    ("ascopubs.org", "/doi/abs/10.", "/doi/pdfdirect/10."),
    ("ascopubs.org", "/doi/full/10.", "/doi/pdfdirect/10."),
    ("ascopubs.org", "/doi/10.", "/doi/pdfdirect/10."),
    ("cogentoa.tandfonline.com", "", ".pdf"),
    ("", "/doi/abs/10.", "/doi/pdf/10."),
    ("", "/doi/full/10.", "/doi/pdf/10."),
    ("", "/doi/epdf/10.", "/doi/pdf/10."),
    ("", "/doi/reader/10.", "/doi/pdf/10."),
    ("tandfonline.com", "/doi/10.", "/doi/pdf/10."),
    ("acs.org", "/doi/10.", "/doi/pdf/10."),
    ("sagepub.com", "/doi/10.", "/doi/pdf/10."),
    ("ahajournals.org", "/doi/10.", "/doi/pdf/10."),
    ("royalsocietypublishing.org", "/doi/10.", "/doi/pdf/10."),
    ("healio.com", "/doi/10.", "/doi/pdf/10."),
    ("rsna.org", "/doi/10.", "/doi/pdf/10."),
    ("ajronline.org", "/doi/10.", "/doi/pdf/10."),
    ("journals.uchicago.edu", "/doi/10.", "/doi/pdf/10."),
    ("mitpressjournals.org", "/doi/10.", "/doi/pdf/10."),
    (
        "degruyter.com",
        "/view/*/*/*/*/*.xml",
        "/downloadpdf/*/*/*/*/*.pdf",
    ),
    (
        "degruyter.com",
        "/view/*/*/*/*.xml",
        "/downloadpdf/*/*/*/*.pdf",
    ),
    ("degruyter.com", "/view/*/*/*.xml", "/downloadpdf/*/*/*.pdf"),
    ("e-periodica.ch", "/digbib/view", "/cntmng"),
    ("protocols.io", "", ".pdf"),
    ("jmir.org", "", "/pdf"),
    ("dagstuhl.de", ".pdf/", ".pdf"),
    (
        "revistas.unam.mx",
        "/article/view/*/*",
        "/article/download/*/*",
    ),
    ("", "/article/view/*/*", "/article/download/*/*"),
];

/// Fields of forms on pages that lead on to others: the host, and the name of the field.
pub(super) const HOPS: [(&str, &str); 1] = [("linkinghub.elsevier.com", "redirecturl")];

/// Frames that hold the rest of a page: a part of the URL of the page, and the id or the name of the frame.
pub(super) const FRAME_HOPS: [(&str, &str); 4] = [
    ("/dlibra/", "js-main-frame"),
    ("", "viewpdfinterstitial"),
    ("/stamp.jsp", "/stamppdf/"),
    ("/doi/", "pdf-iframe"),
];

/// What scripts of these hosts name, with which is the PDF: the host, and what is before the URL.
pub(super) const SCRIPTS: [(&str, &str); 7] = [
    ("figshare.com", "\"exportPdfDownloadUrl\":\""),
    ("ieeexplore.ieee.org", "\"pdfPath\":\""),
    ("ieeexplore.ieee.org", "\"pdfUrl\":\""),
    ("researchsquare.com", "\"pdfUrl\":\""),
    ("europepmc.org", "\"pdfUrl\":\""),
    ("insights.ovid.com", "journalURL = \""),
    ("sciencedirect.com", "window.location = '"),
];

/// What challenges of firewalls have in their pages, which are short and about no work. Cloudflare puts one of its scripts
/// into ordinary pages, too.
pub(super) const CHALLENGES: [&str; 41] = [
    "cf-chl",
    "cf_chl",
    "/cdn-cgi/challenge",
    "challenge-platform",
    "attention required! | cloudflare",
    "making sure you&#39;re not a bot",
    "making sure you're not a bot",
    "/.within.website/x/cmd/anubis",
    "ddos-guard",
    "hkvalidate.perfdrive.com",
    "validate.perfdrive.com",
    "turnstile_required",
    "captcha",
    "awswafcookiedomainlist",
    "_incapsula_resource",
    "checking your browser",
    "enable javascript and cookies to continue",
    "checking if the site connection is secure",
    "verify you are human",
    "verifying you are human",
    "are you a robot",
    "unusual traffic from",
    "px-block",
    "captcha-delivery.com",
    "errors.edgesuite.net",
    "reference&#32;&#35;",
    "sec-if-cpt-container",
    "made us think you were a bot",
    "request unsuccessful. incapsula",
    "the requested url was rejected",
    "your support id is",
    "sucuri website firewall",
    "sgcaptcha",
    "人机验证",
    "请完成安全验证",
    "enter the characters you see below",
    "prove you are human",
    "confirm you are human",
    "confirm that you are not a robot",
    "подтвердите, что вы не робот",
    "подтвердите, что запросы",
];

/// Beginnings of the titles of challenges.
pub(super) const CHALLENGE_TITLES: [&str; 58] = [
    "just a moment",
    "attention required",
    "making sure you're not a bot",
    "ddos-guard",
    "checking your browser",
    "client challenge",
    "security check",
    "pardon our interruption",
    "robot check",
    "bot verification",
    "human verification",
    "verify you are human",
    "verifying you are human",
    "are you a robot",
    "are you human",
    "robot or human",
    "one more step",
    "security verification",
    "security checkpoint",
    "vercel security checkpoint",
    "ddos protection",
    "access to this page has been denied",
    "access denied",
    "request rejected",
    "you have been blocked",
    "sorry, you have been blocked",
    "unusual traffic",
    "bot protection",
    "anti-bot",
    "making sure you",
    "please verify",
    "nur einen moment",
    "einen moment",
    "sicherheitsüberprüfung",
    "un instant",
    "vérification de sécurité",
    "un momento",
    "verificación de seguridad",
    "um momento",
    "verificação de segurança",
    "verifica di sicurezza",
    "один момент",
    "проверка браузера",
    "проверка безопасности",
    "вы не робот",
    "请稍候",
    "安全验证",
    "人机验证",
    "访问验证",
    "安全检查",
    "滑动验证",
    "しばらくお待ちください",
    "セキュリティチェック",
    "セキュリティ認証",
    "잠시만",
    "bir dakika",
    "een moment",
    "chwileczkę",
];

/// Parts of the URLs of pages that ask for an account.
pub(super) const LOGINS: [&str; 33] = [
    "/login?",
    "/login/",
    "/login.",
    "/password-login",
    "?samlrequest=",
    "&samlrequest=",
    "ssocore",
    "sblogin",
    "login.bepress.com",
    "/sso/",
    "/signin?",
    "/signin/",
    "/sign-in?",
    "/idp/",
    "/shibboleth",
    "/cas/login",
    "/oauth2/",
    "/oauth/authorize",
    "/openid-connect/",
    "/saml2/",
    "/wayf",
    "/ds/ds?",
    "/account/login",
    "/user/login",
    "openathens.net",
    "/authenticate?",
    "/auth/login",
    "/logon?",
    "/logon.",
    "/login;",
    "/ldap-login",
    "/connexion?",
    "/anmelden?",
];

/// Parts of the URLs of pages that ask for cookies.
pub(super) const COOKIE_PAGES: [&str; 12] = [
    "/cookieabsent",
    "cookieset=1",
    "error=cookies_not_supported",
    "/cookie-consent",
    "cookies_not_supported",
    "/nocookie",
    "/no-cookie",
    "cookies-disabled",
    "cookie-error",
    "/enablecookies",
    "cookiesrequired",
    "cookie_required",
];

/// Texts of pages that ask for cookies or consent, which are short and about no work.
pub(super) const CONSENTS: [&str; 70] = [
    "accept cookies to continue",
    "cookies are disabled",
    "cookies disabled",
    "enable cookies",
    "cookies must be enabled",
    "does not accept cookies",
    "please accept the terms",
    "i agree to the terms",
    "accept the license agreement to",
    "requires cookies",
    "cookies are required",
    "cookies to be enabled",
    "please accept cookies",
    "accept our cookies",
    "allow cookies to",
    "turn on cookies",
    "accept the terms",
    "accept these terms",
    "agree to the terms",
    "agree to these terms",
    "accept the conditions",
    "agree to the conditions",
    "i accept the licen",
    "accept the end user",
    "akzeptieren sie cookies",
    "akzeptieren sie die",
    "cookies akzeptieren, um",
    "cookies aktivieren",
    "cookies zulassen",
    "nutzungsbedingungen akzeptieren",
    "stimmen sie den nutzungsbedingungen",
    "accepter les cookies",
    "activer les cookies",
    "accepter les conditions",
    "acceptez les conditions",
    "accepte les conditions",
    "acepte las cookies",
    "acepte los términos",
    "aceptar los términos",
    "aceptar las condiciones",
    "acepto los términos",
    "habilite las cookies",
    "active las cookies",
    "aceite os cookies",
    "aceitar os termos",
    "aceite os termos",
    "ative os cookies",
    "habilite os cookies",
    "accetta i cookie",
    "abilita i cookie",
    "accettare i termini",
    "accetta i termini",
    "accettare le condizioni",
    "примите условия",
    "принять условия",
    "включите cookie",
    "включите куки",
    "разрешите cookie",
    "согласие с условиями",
    "启用cookie",
    "启用 cookie",
    "接受条款",
    "同意条款",
    "同意以下",
    "同意使用条款",
    "利用規約に同意",
    "規約に同意",
    "cookieを有効",
    "cookie を有効",
    "クッキーを有効",
];

/// Paths of home pages, whatever their case, besides those that are a language.
pub(super) const HOMES: [&str; 9] = [
    "",
    "home",
    "index",
    "index.html",
    "index.htm",
    "index.php",
    "default.aspx",
    "home.html",
    "index.jsp",
];

/// Languages that the path of a home page may be.
pub(super) const HOME_LANGUAGES: [&str; 40] = [
    "ar", "bg", "ca", "cs", "da", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "gl", "he",
    "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "nb", "nl", "no", "pl", "pt", "ro", "ru",
    "sk", "sl", "sr", "sv", "th", "tr", "uk", "zh",
];

/// Last segments of the paths of errors, without extension.
pub(super) const ERROR_PAGES: [&str; 14] = [
    "404",
    "410",
    "error",
    "errors",
    "error404",
    "error-404",
    "404error",
    "404-error",
    "errorpage",
    "error-page",
    "notfound",
    "not-found",
    "pagenotfound",
    "page-not-found",
];

/// Last segments of the paths of pages that list works.
pub(super) const LISTS: [&str; 10] = [
    "search",
    "searchresults",
    "search-results",
    "browse",
    "archive",
    "archives",
    "toc",
    "issues",
    "recent-submissions",
    "community-list",
];
#[cfg(test)]
mod tests;
