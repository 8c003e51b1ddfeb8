use super::*;

fn read(text: &str) -> Result<CsvContacts, CsvError> {
    let mut number = 0;
    contacts_of_csv(text.as_bytes(), &CsvLimits::default(), || {
        number += 1;
        format!("uid-{number}")
    })
}

/// The lines of each card, without those that all have.
fn cards(text: &str) -> Vec<Vec<String>> {
    let contacts = read(text).unwrap_or_else(|error| panic!("{text}{error}"));
    let lines = |card: Card| {
        let text = String::from_utf8(card.into_component().render()).unwrap();
        let text = text.replace("\r\n ", "");
        let skip = ["BEGIN:VCARD", "VERSION:3.0", "END:VCARD"];
        text.lines().filter(|line| !skip.contains(line)).map(str::to_owned).collect()
    };
    contacts.cards.into_iter().map(lines).collect()
}

#[test]
fn outlook() {
    let text = "\u{feff}\"Title\",\"First Name\",\"Middle Name\",\"Last Name\",\"Suffix\",\"Company\",\
        \"Department\",\"Job Title\",\"Business Street\",\"Business Street 2\",\"Business City\",\
        \"Business Postal Code\",\"Business Country/Region\",\"Business Phone\",\"Mobile Phone\",\
        \"Home Fax\",\"E-mail Address\",\"E-mail Type\",\"E-mail 2 Address\",\"Birthday\",\
        \"Anniversary\",\"Categories\",\"Notes\",\"Web Page\",\"Sensitivity\"\r\n\
        \"Dr.\",\"Jörg\",\"M.\",\"Meier; jun.\",\"PhD\",\"ACME, Inc.\",\"R&D\",\"Chief\",\"Lange Gasse 1\",\
        \"Stock 2\",\"Wien\",\"1080\",\"Österreich\",\"+43 1\",\"+43 2\",\"+43 3\",\"j@work.example\",\"SMTP\",\
        \"j@home.example\",\"12/31/1980\",\"0/0/00\",\"a;b\",\"one\r\ntwo \"\"x\"\"\",\"http://x\",\"Normal\"\r\n";
    assert_eq!(
        cards(text),
        [[
            "UID:uid-1",
            "N:Meier\\; jun.;Jörg;M.;Dr.;PhD",
            "FN:Dr. Jörg M. Meier; jun. PhD",
            "ORG:ACME\\, Inc.;R&D",
            "TITLE:Chief",
            "TEL;TYPE=WORK,VOICE:+43 1",
            "TEL;TYPE=CELL:+43 2",
            "TEL;TYPE=HOME,FAX:+43 3",
            "EMAIL:j@work.example",
            "EMAIL:j@home.example",
            "BDAY:1980-12-31",
            "CATEGORIES:a,b",
            "NOTE:one\\ntwo \"x\"",
            "URL:http://x",
            "ADR;TYPE=WORK:;Stock 2;Lange Gasse 1;Wien;;1080;Österreich",
        ]
        .map(|line| line.replace("Meier; jun. PhD", "Meier\\; jun. PhD"))]
    );
    assert_eq!(read(text).unwrap().ignored, ["Sensitivity"]);
}

#[test]
fn google() {
    let text = "First Name,Middle Name,Last Name,Organization Name,Birthday,Labels,E-mail 1 - Label,\
        E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value,Phone 1 - Label,Phone 1 - Value,\
        Address 1 - Label,Address 1 - Street,Address 1 - City,Address 1 - Country,Event 1 - Label,\
        Event 1 - Value\nJane,,Doe,,--02-03,* myContacts ::: Friends,* Home,a@b ::: c@d,Work,e@f,\
        Work Fax,1,Home,1 Way,Town,X,Anniversary,2001-02-03\n";
    assert_eq!(
        cards(text),
        [[
            "UID:uid-1",
            "N:Doe;Jane;;;",
            "FN:Jane Doe",
            "BDAY;X-APPLE-OMIT-YEAR=1604:1604-02-03",
            "CATEGORIES:Friends",
            "EMAIL;TYPE=PREF,HOME:a@b",
            "EMAIL;TYPE=PREF,HOME:c@d",
            "EMAIL;TYPE=WORK:e@f",
            "TEL;TYPE=WORK,FAX:1",
            "ADR;TYPE=HOME:;;1 Way;Town;;;X",
            "X-ANNIVERSARY:2001-02-03",
        ]]
    );
    // As it was before 2024.
    let text = "Name,Given Name,Family Name,Group Membership,E-mail 1 - Type,E-mail 1 - Value,\
        Organization 1 - Name,Organization 1 - Title\nJane Doe,Jane,Doe,,*,a@b,ACME,Chief\n";
    assert_eq!(
        cards(text),
        [[
            "UID:uid-1",
            "N:Doe;Jane;;;",
            "FN:Jane Doe",
            "ORG:ACME",
            "EMAIL;TYPE=PREF:a@b",
            "TITLE:Chief"
        ]
        .map(str::to_owned)]
    );
}

#[test]
fn thunderbird_and_others() {
    let text = "First Name,Last Name,Display Name,Nickname,Primary Email,Secondary Email,Work Phone,\
        Mobile Number,Home Address,Home City,Home ZipCode,Web Page 1,Birth Year,Birth Month,Birth Day,Custom 1\n\
        Jane,Doe,Jane D.,jd,a@b,c@d,1,2,1 Way,Town,9,http://w,1980,2,3,x\n";
    assert_eq!(
        cards(text),
        [[
            "UID:uid-1",
            "N:Doe;Jane;;;",
            "FN:Jane D.",
            "NICKNAME:jd",
            "EMAIL:a@b",
            "EMAIL:c@d",
            "TEL;TYPE=WORK,VOICE:1",
            "TEL;TYPE=CELL:2",
            "URL;TYPE=WORK:http://w",
            "ADR;TYPE=HOME:;;1 Way;Town;;9;",
            "BDAY:1980-02-03",
        ]]
    );
    // Outlook in German, with semicolons and in Windows' letters.
    let mut bytes = "Vorname;Nachname;E-Mail-Adresse;Telefon (geschäftlich);Geburtstag\nJörg;Meier;j@x;1;31.12.1980\n"
        .chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect::<Vec<u8>>();
    let contacts = contacts_of_csv(&bytes, &CsvLimits::default(), || "u".to_owned()).unwrap();
    assert_eq!(contacts.ignored, Vec::<String>::new());
    assert_eq!(contacts.cards[0].facts().formatted_name, "Jörg Meier");
    assert_eq!(contacts.cards[0].component().line("BDAY").unwrap().value(), "1980-12-31");
    bytes.truncate(40);
    assert!(contacts_of_csv(&bytes, &CsvLimits::default(), String::new).is_ok());
    // A title without any suffix is one of a job.
    let yahoo = "First\tLast\tEmail\tTitle\tHome\nJane\tDoe\ta@b\tChief\t1\n";
    assert_eq!(
        cards(yahoo),
        [[
            "UID:uid-1",
            "N:Doe;Jane;;;",
            "FN:Jane Doe",
            "EMAIL:a@b",
            "TITLE:Chief",
            "TEL;TYPE=HOME,VOICE:1"
        ]]
    );
    // Who has no name is shown as what there is.
    assert_eq!(cards("Email,Phone\na@b,\n,1\n,\n").len(), 2);
    assert_eq!(cards("Email,Phone\na@b,\n")[0][2], "FN:a@b");
}

#[test]
fn rows_are_counted_as_spreadsheets_do() {
    // Nothing, the names, nobody, somebody whose note has a break, nothing, somebody.
    let found = read("\n Email;Notes\n;x\na;\"1\n2\"\n\nb;\n").unwrap();
    assert_eq!((found.cards.len(), found.rows, found.empty), (2, vec![4, 6], vec![3]));
}

/// The birthdays of a table that has these.
fn birthdays(values: &[&str]) -> Result<Vec<Option<String>>, CsvError> {
    let rows: String = values.iter().map(|value| format!("x,{value}\n")).collect();
    let found = read(&format!("Name,Birthday\n{rows}"))?;
    let birthday = |card: &Card| card.component().line("BDAY").map(|line| line.value().to_owned());
    Ok(found.cards.iter().map(birthday).collect())
}

#[test]
fn a_column_has_its_dates_in_one_way() {
    for (values, expected) in [
        // One of them tells of all, wherever it stands.
        (&["05/04/1980", "25/04/1980"][..], ["1980-04-05", "1980-04-25"]),
        (&["25/04/1980", "05/04/1980"], ["1980-04-25", "1980-04-05"]),
        (&["04/25/1980", "05/04/1980"], ["1980-04-25", "1980-05-04"]),
        (&["05-04-1980", "04-25-1980"], ["1980-05-04", "1980-04-25"]),
        // None does.
        (&["05/04/1980", "1/2/1981"], ["1980-05-04", "1981-01-02"]),
        (&["05-04-1980", "1-2-1981"], ["1980-04-05", "1981-02-01"]),
        (&["05/04/1980", "0/13/00"], ["1980-05-04", ""]),
        // These say themselves what they are, and nothing of others.
        (&["05/04/1980", "25.04.1980"], ["1980-05-04", "1980-04-25"]),
        (&["05/04/1980", "1980/04/25"], ["1980-05-04", "1980-04-25"]),
        (&["04/25/1980", "05.04.1980"], ["1980-04-25", "1980-04-05"]),
    ] {
        if expected[1].is_empty() {
            assert_eq!(birthdays(values), Err(CsvError::Date(3)), "{values:?}");
            continue;
        }
        let expected = expected.map(|day| Some(day.to_owned())).to_vec();
        assert_eq!(birthdays(values), Ok(expected), "{values:?}");
    }
    // Each column by itself.
    let text = "Name,Birthday,Event 1 - Label,Event 1 - Value\n\
        x,05/04/1980,Anniversary,05/04/2001\nx,04/25/1980,Other,25/04/2001\n";
    let lines = cards(text).concat();
    assert!(lines.contains(&"BDAY:1980-05-04".to_owned()), "{lines:?}");
    assert!(lines.contains(&"X-ANNIVERSARY:2001-04-05".to_owned()), "{lines:?}");
}

#[test]
fn dates_of_many_programs_are_read() {
    for (value, day) in [
        ("1980-03-05", "1980-03-05"),
        ("1980/03/15", "1980-03-15"),
        ("1980.3.15", "1980-03-15"),
        ("19800315", "1980-03-15"),
        ("1980-03-15T00:00:00Z", "1980-03-15"),
        ("15-3-1980", "1980-03-15"),
        ("15.3.1980", "1980-03-15"),
        ("15. 3. 1980", "1980-03-15"),
        ("1980. 03. 15.", "1980-03-15"),
        ("3/15/1980 12:00 AM", "1980-03-15"),
        ("--03-15", "1604-03-15"),
        ("--0229", "1604-02-29"),
    ] {
        assert_eq!(birthdays(&[value]), Ok(vec![Some(day.to_owned())]), "{value}");
    }
    for none in ["", "0/0/00", "00/00/0000", "0000-00-00"] {
        assert_eq!(birthdays(&[none]), Ok(vec![None]), "{none}");
    }
}

#[test]
fn what_is_no_date_is_refused_with_its_row() {
    for value in [
        "soon",
        "1980-02-30",
        "3/32/1980",
        "3/15/80",
        "1980",
        "1980-03",
        "--13-01",
        "--3",
        "--1é1",
        "1980-03-15x",
        "1-2-3-4",
        "99999-01-01",
        "1/2.1980",
        "1980031",
    ] {
        assert_eq!(birthdays(&["3/15/1980", value]), Err(CsvError::Date(3)), "{value}");
    }
    // The one way or the other.
    assert_eq!(birthdays(&["04/25/1980", "25/04/1980"]), Err(CsvError::Date(2)));
    for (columns, fields) in [
        ("Anniversary", "soon"),
        ("Birth Year,Birth Month,Birth Day", "1980,2,30"),
        ("Event 1 - Label,Event 1 - Value", "Anniversary,soon"),
    ] {
        let text = format!("Name,{columns}\nx,{fields}\n");
        assert_eq!(read(&text).map(|found| found.cards.len()), Err(CsvError::Date(2)), "{text}");
    }
    assert_eq!(
        CsvError::Date(2).to_string(),
        "row 2 has a date that is not read, unlike 1980-12-31"
    );
}

#[test]
fn a_row_is_not_cut() {
    let read = |text: &str| read(text).map(|found| found.cards.len());
    assert_eq!(read("Name,Email\nx,a@b,,\n"), Ok(1));
    assert_eq!(read("Name,Email\nx,a@b\ny,c@d, ,1 Way\n"), Err(CsvError::Fields(3)));
    assert_eq!(
        CsvError::Fields(3).to_string(),
        "row 3 has more fields than the first row has names"
    );
}

#[test]
fn what_is_no_table_of_contacts_is_refused() {
    let limits = CsvLimits { bytes_max: 100, rows_max: 2, columns_max: 3 };
    let read = |text: &str| {
        contacts_of_csv(text.as_bytes(), &limits, || "u".to_owned()).map(|c| c.cards.len())
    };
    for (text, expected) in [
        ("", Err(CsvError::NoContacts)),
        ("a,b\n1,2\n", Err(CsvError::NoContacts)),
        ("Email\na\nb\n", Ok(2)),
        ("Email\na\nb\nc\n", Err(CsvError::TooManyRows(2))),
        ("Email,a,b,c\n", Err(CsvError::TooManyColumns(3))),
        ("Email\n\"a\n", Err(CsvError::Quote(2))),
        ("Email\n\"a\"b,c\n", Err(CsvError::Fields(2))),
        ("Email\n\"a\"b,\n", Ok(1)),
        ("Email\r\r\n\na", Ok(1)),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
    assert_eq!(read(&" ".repeat(101)), Err(CsvError::TooLarge(100)));
}

#[test]
fn no_bytes_make_it_panic() {
    let seed = b"First Name,E-mail 1 - Value,Birthday,Home Street,Labels\n\"J\"\"x\",a@b ::: c,1980-02-30,x,a;b\n";
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..20_000 {
        let mut bytes = seed.to_vec();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[at] = random.u8(..),
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, *random.choice(b"\r\n \";,-\t/\xff").unwrap()),
            }
        }
        let found = contacts_of_csv(&bytes, &CsvLimits::default(), || "u".to_owned());
        for card in found.map(|found| found.cards).unwrap_or_default() {
            let bytes = card.into_component().render();
            assert!(
                Card::parse(&bytes, &crate::Limits::default()).is_ok(),
                "{}",
                bytes.escape_ascii()
            );
        }
    }
}
