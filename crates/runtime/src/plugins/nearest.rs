//! `nearest`: names that a mistyped one may have meant.

/// At most three of `names` that are most like `name`; none if nothing comes near.
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = simple(name);
    let limit = (wanted.chars().count() / 3).max(2);
    let mut found: Vec<(usize, usize, &str)> = names
        .into_iter()
        .filter_map(|candidate| {
            let distance = distance(&wanted, &simple(candidate), limit)?;
            // Of names that are as near, the one written in the same way (short or with its package) goes first.
            let other_form = usize::from(candidate.contains('.') != name.contains('.'));
            Some((distance, other_form, candidate))
        })
        .collect();
    found.sort_unstable();
    // A class and its aliases are one answer, not three.
    let mut answers: Vec<(String, &str)> = Vec::new();
    for (_, _, candidate) in found {
        let key = simple(candidate);
        let key = key.strip_suffix("connector").unwrap_or(&key).to_owned();
        if answers.iter().all(|(known, _)| *known != key) {
            answers.push((key, candidate));
        }
    }
    answers.into_iter().take(3).map(|(_, name)| name).collect()
}

/// What follows the package, in lower case.
fn simple(name: &str) -> String {
    name.rsplit('.').next().unwrap_or(name).to_lowercase()
}

/// Number of insertions, removals, replacements and swaps of neighbours between two texts, if at most `limit`.
fn distance(left: &str, right: &str, limit: usize) -> Option<usize> {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    if left.len().abs_diff(right.len()) > limit || left.len() > 256 {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, r) in right.iter().enumerate() {
            let mut best = (above[j] + usize::from(l != r)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && left[i - 1] == *r && right[j - 1] == *l {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_most_alike_come_first_and_each_class_once() {
        let names = [
            "FileStreamSink",
            "FileStreamSinkConnector",
            "FileStreamSource",
            "org.apache.kafka.FileStreamSinkConnector",
        ];
        assert_eq!(nearest("FileStreemSink", names), ["FileStreamSink"]);
        assert_eq!(nearest("org.apache.FileStreamSnikConnector", names)[0], "org.apache.kafka.FileStreamSinkConnector");
        assert_eq!(nearest("filestreamsource", names)[0], "FileStreamSource");
        assert!(nearest("io.example.Elasticsearch", names).is_empty());
    }
}
