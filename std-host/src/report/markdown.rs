//! A text in Markdown, with its tables and pictures, as a page.

use std::path::Path;

use askama::Template;
use pulldown_cmark::{Event, Options, Parser, Tag, html};

use super::uri;
use crate::error::{Error, Result};
use crate::files::whole;

#[derive(Template)]
#[template(path = "markdown.html")]
struct Page<'a> {
    title: &'a str,
    body: String,
}

/// A page of a text in Markdown. Pictures that it names by their place in `folder` are inside the page.
///
/// # Errors
///
/// One sentence if a picture cannot be read.
///
/// # Examples
///
/// ```
/// let page = wta::report::markdown("Results", "# Results\n\n| a | b |\n| - | - |\n| 1 | 2 |\n",
/// ".".as_ref())?; assert!(page.contains("<td>1</td>"));
/// # Ok::<(), wta::Error>(())
/// ```
pub fn markdown(title: &str, text: &str, folder: &Path) -> Result<String> {
    let mut failed = None;
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).map(|event| match event {
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            let address =
                whole::read(&folder.join(&*dest_url)).map(|bytes| uri::of_bytes("image/png", &bytes));
            let address = address.unwrap_or_else(|error| {
                failed.get_or_insert(error);
                String::new()
            });
            Event::Start(Tag::Image { link_type, dest_url: address.into(), title, id })
        }
        // A text of ours has none; what looks like it comes from a name.
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        event => event,
    });
    let mut body = String::new();
    html::push_html(&mut body, events);
    if let Some(error) = failed {
        return Err(error);
    }
    let page = Page { title, body }.render();
    page.map_err(|error| Error::Invalid(format!("the page cannot be made: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_pictures_are_in_the_page_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.png"), [1, 2, 255]).unwrap();
        let text = "# T\n\n| x |\n| --- |\n| <script>y</script> |\n\n![the atoms](a.png)\n";
        let page = markdown("T & U", text, folder.path()).unwrap();
        assert!(page.contains("<title>T &#38; U</title>") && page.contains("<td>&lt;script&gt;y"), "{page}");
        assert!(page.contains("<img src=\"data:image/png;base64,AQL/\" alt=\"the atoms\""), "{page}");
        let error = markdown("T", "![](missing.png)", folder.path()).unwrap_err().to_string();
        assert!(error.contains("missing.png"), "{error}");
    }
}
