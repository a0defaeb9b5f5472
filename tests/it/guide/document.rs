//! `docs/apis.md`, cut into its examples.

/// What stands below one heading.
pub struct Example {
    pub title: String,
    /// UiPath's line.
    pub asked: Option<String>,
    /// Ours, in their order.
    pub commands: Vec<String>,
}

impl Example {
    /// The target that its commands name.
    pub fn target(&self) -> &str {
        let named = self.commands.iter().find_map(|command| target_of(command));
        named.unwrap_or_else(|| panic!("{}: no command names a target", self.title))
    }
}

/// What a command gives as `--target`.
pub fn target_of(command: &str) -> Option<&str> {
    let (_, rest) = command.split_once("--target ")?;
    rest.split_whitespace().next()
}

pub fn document() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/apis.md");
    std::fs::read_to_string(path).unwrap()
}

/// The fenced blocks of a language; `sh guide` is another one than `sh`.
pub fn blocks(text: &str, language: &str) -> Vec<String> {
    let begins = format!("\n```{language}\n");
    let found = text.split(&begins).skip(1);
    found
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

pub fn examples() -> Vec<Example> {
    let text = document();
    let known = ["sh", "sh guide", "sh seen", "toml", "text"];
    for line in text.lines().filter(|line| line.starts_with("```")) {
        let language = line.trim_start_matches('`');
        assert!(
            language.is_empty() || known.contains(&language),
            "what is a block of `{language}`?"
        );
    }
    let parts = text.split("\n##").skip(1);
    let examples = parts.map(|part| {
        let mut asked = blocks(part, "sh guide");
        asked.extend(blocks(part, "sh seen"));
        let title = part.lines().next().unwrap().trim_matches(['#', ' ']).to_owned();
        assert!(asked.len() < 2, "{title}: one line of UiPath's for each example");
        let commands = blocks(part, "sh");
        let commands = commands.iter().flat_map(|block| block.lines());
        Example {
            title,
            asked: asked.pop(),
            commands: commands.map(str::to_owned).collect(),
        }
    });
    let examples: Vec<Example> = examples.collect();
    let commands: usize = examples.iter().map(|example| example.commands.len()).sum();
    let all: usize = blocks(&text, "sh")
        .iter()
        .map(|block| block.lines().count())
        .sum();
    assert_eq!(commands, all, "every command stands below a heading");
    examples
}
