//! What must hold in the end.

use std::time::Duration;

use super::play::{EXPELLED, LATE, Play};
use super::terms;

/// How long before its expulsion a word may have been sent that then finds F without keys.
const UNDER_WAY: Duration = Duration::from_millis(500);

/// A summary for people, and what went otherwise than it must.
pub(crate) fn judge(play: &Play) -> (String, Vec<String>) {
    let mut summary = String::from("\n");
    let mut faults = play.mishaps.clone();
    let mut must = |holds: bool, what: String| {
        if !holds {
            faults.push(what);
        }
    };
    let (Some(expelled_at), Some(late_at)) = (play.expelled_at, play.late_asked_at) else {
        return (summary, vec!["the session ended early".into()]);
    };

    let counts = play.control_counts();
    summary += &format!(
        "Control messages: {}, of which {} were sent again, {} lost, {} arrived twice, {} overtook another.\n",
        counts.sent, counts.again, counts.lost, counts.repeated, counts.overtook
    );
    must(counts.lost == 0 || counts.again > 0, "messages were lost, and none was sent again".into());

    // Everybody who has the keys hears each word once, whatever happens to the keys meanwhile.
    for (index, host) in play.hosts.iter().enumerate() {
        let name = terms::NAMES[index];
        let (mut heard, mut meant) = (0, 0);
        for word in &play.words {
            let times = host.heard.get(&word.text).copied().unwrap_or_default();
            let listed = word.to.contains(&host.address);
            // It may arrive after F has dropped its keys.
            let excused = index == EXPELLED && word.sent.after(UNDER_WAY) >= expelled_at;
            must(times <= 1, format!("{name} heard \"{}\" {times} times", word.text));
            must(times == 0 || listed, format!("{name} heard \"{}\", which was not for it", word.text));
            must(times == 1 || !listed || excused, format!("{name} did not hear \"{}\"", word.text));
            heard += times;
            meant += usize::from(listed);
        }
        must(heard > 0, format!("{name} heard nothing"));
        must(host.heard.values().sum::<usize>() == heard, format!("{name} heard what was never said"));
        summary += &format!("{name} heard {heard} of {meant} words that were for it.\n");
    }
    let first: Vec<_> = play.words.first().map_or(Vec::new(), |word| word.to.clone());
    must(first.len() == LATE, format!("{} members heard the first word, not five", first.len()));
    must(play.routers.dropped == 0, format!("routers dropped {} packets", play.routers.dropped));

    // The expelled one and the late one are at a wire on which they hear all.
    let opened = |host: usize, wanted: &dyn Fn(usize) -> bool| {
        let packets = play.wire.iter().filter(|(word, _)| wanted(*word));
        packets.fold((0, 0), |(opened, all), (word, octets)| {
            let opens = play.hosts[host].could_open(play.words[*word].sent, octets);
            (opened + usize::from(opens), all + 1)
        })
    };
    let (opened_before, before) = opened(EXPELLED, &|word| play.words[word].sent < expelled_at);
    let (opened_after, after) = opened(EXPELLED, &|word| play.words[word].sent >= expelled_at);
    summary += &format!(
        "F, with every key it ever had, opens {opened_before} of {before} packets from before its expulsion, and \
         {opened_after} of {after} from after it.\n"
    );
    must(opened_before == before && before > 0, "F cannot open what it was sent: the trial proves nothing".into());
    must(opened_after == 0 && after > 0, format!("F opens {opened_after} of {after} packets after its expulsion"));
    must(play.kept_out, "F was not told that it is not let in again".into());

    let (opened_past, past) = opened(LATE, &|word| play.words[word].sent < late_at);
    let (opened_own, own) = opened(LATE, &|word| play.words[word].to.contains(&terms::member(LATE)));
    summary += &format!(
        "G, with the keys it got, opens {opened_past} of {past} packets that it recorded before it joined, and \
         {opened_own} of {own} that were for it.\n"
    );
    must(opened_past == 0 && past > 0, format!("G opens {opened_past} of {past} packets from before it joined"));
    must(opened_own == own && own > 0, "G cannot open what it was sent: the trial proves nothing".into());

    // Nobody came or went between F's expulsion and G's request.
    let used = |epoch| play.words.iter().any(|word| word.epoch == epoch);
    let between =
        play.epochs.iter().filter(|(epoch, at)| *at > expelled_at && *at < late_at && play.is_planned(*epoch));
    let renewed = between.filter(|(epoch, _)| used(*epoch)).count();
    must(renewed == 1, format!("keys were renewed {renewed} times by time after the expulsion, not once"));
    summary += &format!(
        "Keys were made {} times, {} of them as the last ones were {} s old; {} words waited for keys, {} arrived under \
         old ones after new ones were in use.\n",
        play.epochs.len(),
        play.epochs.iter().filter(|(epoch, _)| play.is_planned(*epoch)).count(),
        terms::LIFETIME.as_secs(),
        play.held_back,
        play.trailing
    );
    must(play.held_back > 0, "A did not stop to speak when F was expelled".into());
    (summary, faults)
}
