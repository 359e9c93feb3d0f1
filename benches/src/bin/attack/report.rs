use std::{collections::HashMap, fs};

use serde::{Deserialize, Serialize};

use crate::{
    arguments::Arguments,
    attack::{Attack, Figure, Outcome, Stop, show},
};

/// The table of figures, printed line by line.
pub(crate) struct Report {
    json: bool,
    earlier: Option<HashMap<(String, String), Line>>,
    kept: usize,
    broken: usize,
}

/// One figure, as JSON.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Line {
    section: u8,
    attack: String,
    figure: String,
    /// `None` if the attack could not be made.
    value: Option<f64>,
    unit: String,
    bound: String,
    met: Option<bool>,
    note: String,
}

impl Report {
    pub(crate) fn new(arguments: &Arguments) -> Result<Self, Stop> {
        let earlier = match &arguments.beside {
            None => None,
            Some(path) => Some(read(&fs::read_to_string(path)?)?),
        };
        let report = Self { json: arguments.json, earlier, kept: 0, broken: 0 };
        if !report.json {
            let before = if report.earlier.is_some() { " before |" } else { "" };
            println!("| | attack | figure |{before} value | bound | met | note |");
            println!("|-|-|-|{}-|-|-|-|", if before.is_empty() { "" } else { "-|" });
        }
        Ok(report)
    }

    pub(crate) fn add(&mut self, attack: &Attack, outcome: Outcome) -> Result<(), Stop> {
        match outcome {
            Ok(figures) => figures.into_iter().try_for_each(|figure| self.print(&Line::of(attack, figure))),
            Err(stop) => self.print(&Line::without_figure(attack, &stop)),
        }
    }

    /// Says how many bounds were kept.
    pub(crate) fn close(self) {
        eprintln!("{} bounds kept, {} not", self.kept, self.broken);
    }

    fn print(&mut self, line: &Line) -> Result<(), Stop> {
        match line.met {
            Some(true) => self.kept += 1,
            Some(false) => self.broken += 1,
            None => {}
        }
        if self.json {
            println!("{}", serde_json::to_string(line)?);
            return Ok(());
        }
        let before = self.earlier.as_ref().map_or_else(String::new, |earlier| {
            let known = earlier.get(&(line.attack.clone(), line.figure.clone()));
            format!(" {} |", known.map_or_else(|| "-".to_owned(), Line::shown))
        });
        let met = line.met.map_or("", |met| if met { "yes" } else { "NO" });
        let Line { section, attack, figure, bound, note, .. } = line;
        println!("| {section} | {attack} | {figure} |{before} {} | {bound} | {met} | {note} |", line.shown());
        Ok(())
    }
}

impl Line {
    fn of(attack: &Attack, figure: Figure) -> Self {
        Self {
            section: attack.section,
            attack: attack.name.to_owned(),
            value: Some(figure.value),
            unit: figure.unit.to_owned(),
            bound: figure.bound.to_string(),
            met: figure.is_met(),
            figure: figure.what,
            note: figure.note,
        }
    }

    fn without_figure(attack: &Attack, stop: &Stop) -> Self {
        let mut line = Self::of(attack, Figure::new("", 0.0, "").note(stop.to_string()));
        line.value = None;
        line
    }

    fn shown(&self) -> String {
        self.value.map_or_else(|| "-".to_owned(), |value| format!("{} {}", show(value), self.unit))
    }
}

fn read(text: &str) -> Result<HashMap<(String, String), Line>, Stop> {
    let mut lines = HashMap::new();
    for line in text.lines() {
        let line: Line = serde_json::from_str(line)?;
        lines.insert((line.attack.clone(), line.figure.clone()), line);
    }
    Ok(lines)
}
