//! Rules of RFC 7529: other calendars than the Gregorian, and what stands for days and months that
//! are missing.

use super::times;
use crate::Error;
use crate::recur::{Rule, Scale};

/// Rules with their first times, or all where they end, at nine o'clock on those days.
fn check(rules: &[(&str, &str, &str)]) {
    for (start, rule, expect) in rules {
        let ends = rule.contains("COUNT") || rule.contains("UNTIL");
        let count = if ends { 99 } else { expect.split(' ').count() };
        assert_eq!(times(&format!("{start}T09:00"), rule, count), *expect, "{start} {rule}");
    }
}

#[test]
fn examples_of_the_standard() {
    check(&[
        // §4.3.1
        (
            "2013-02-10",
            "RSCALE=CHINESE;FREQ=YEARLY",
            "20130210 20140131 20150219 20160208 20170128",
        ),
        // §4.3.2
        (
            "2013-09-06",
            "RSCALE=ETHIOPIC;FREQ=MONTHLY;BYMONTH=13",
            "20130906 20140906 20150906 20160906 20170906",
        ),
        // §4.3.3
        (
            "2014-02-08",
            "RSCALE=HEBREW;FREQ=YEARLY;BYMONTH=5L;BYMONTHDAY=8;SKIP=FORWARD",
            "20140208 20150227 20160217 20170306 20180223",
        ),
        // §4.3.4
        (
            "2012-02-29",
            "RSCALE=GREGORIAN;FREQ=YEARLY;SKIP=FORWARD",
            "20120229 20130301 20140301 20150301 20160229 20170301",
        ),
        ("2012-02-29", "FREQ=YEARLY", "20120229 20160229 20200229"),
    ]);
}

/// New years that almanacs agree on.
#[test]
fn new_years() {
    check(&[
        // In 2027 and 2030 the moon is new about midnight, and some libraries have the day beside:
        // these are those of the observatories.
        (
            "2019-02-05",
            "RSCALE=CHINESE;FREQ=YEARLY",
            "20190205 20200125 20210212 20220201 20230122 20240210 20250129 20260217 20270206 \
             20280126 20290213 20300203",
        ),
        // In Korea it is an hour later.
        ("1996-02-19", "RSCALE=DANGI;FREQ=YEARLY", "19960219 19970208 19980128"),
        ("1996-02-19", "RSCALE=CHINESE;FREQ=YEARLY", "19960219 19970207 19980128"),
        (
            "2020-09-19",
            "RSCALE=hebrew;FREQ=YEARLY",
            "20200919 20210907 20220926 20230916 20241003 20250923 20260912 20271002",
        ),
        (
            "2020-03-20",
            "RSCALE=PERSIAN;FREQ=YEARLY",
            "20200320 20210321 20220321 20230321 20240320 20250321 20260321 20270321 20280320",
        ),
        (
            "2018-09-11",
            "RSCALE=ISLAMIC-UMALQURA;FREQ=YEARLY",
            "20180911 20190831 20200820 20210809 20220730 20230719 20240707 20250626",
        ),
        ("2021-08-10", "RSCALE=ISLAMIC-CIVIL;FREQ=YEARLY", "20210810 20220730 20230719 20240708"),
        ("2021-08-10", "RSCALE=ISLAMICC;FREQ=YEARLY", "20210810 20220730 20230719 20240708"),
        ("2021-08-09", "RSCALE=ISLAMIC-TBLA;FREQ=YEARLY", "20210809 20220729 20230718 20240707"),
        ("2018-09-11", "RSCALE=ETHIOPIC;FREQ=YEARLY", "20180911 20190912 20200911"),
        ("2018-09-11", "RSCALE=ETHIOAA;FREQ=YEARLY", "20180911 20190912 20200911"),
        ("2018-09-11", "RSCALE=COPTIC;FREQ=YEARLY", "20180911 20190912 20200911"),
        ("2019-03-22", "RSCALE=INDIAN;FREQ=YEARLY", "20190322 20200321 20210322"),
        // The Gregorian calendar with other years.
        ("2020-02-29", "RSCALE=BUDDHIST;FREQ=YEARLY", "20200229 20240229 20280229"),
        ("2020-02-29", "RSCALE=ROC;FREQ=YEARLY;SKIP=BACKWARD", "20200229 20210228 20220228"),
        ("2020-02-29", "RSCALE=JAPANESE;FREQ=YEARLY;BYMONTH=3", "20200229 20200329 20210329"),
    ]);
}

/// The Chinese year of 2023 has a leap month after its second, that of 2020 after its fourth.
#[test]
fn leap_months() {
    check(&[
        // Months are counted with them.
        (
            "2023-01-22",
            "RSCALE=CHINESE;FREQ=MONTHLY",
            "20230122 20230220 20230322 20230420 20230519 20230618",
        ),
        ("2023-01-22", "RSCALE=CHINESE;FREQ=MONTHLY;INTERVAL=2", "20230122 20230322 20230519"),
        ("2022-02-01", "RSCALE=CHINESE;FREQ=MONTHLY;INTERVAL=13", "20220201 20230220 20240310"),
        // A start in one.
        ("2020-05-23", "RSCALE=CHINESE;FREQ=YEARLY", "20200523 20580522 20690521"),
        (
            "2020-05-23",
            "RSCALE=CHINESE;FREQ=YEARLY;SKIP=BACKWARD",
            "20200523 20210512 20220501 20230519",
        ),
        (
            "2020-05-23",
            "RSCALE=CHINESE;FREQ=YEARLY;SKIP=FORWARD",
            "20200523 20210610 20220530 20230618",
        ),
        // As the example of the thirteenth month has it, the same by other words.
        (
            "2020-05-23",
            "RSCALE=CHINESE;FREQ=MONTHLY;BYMONTH=4L;SKIP=FORWARD",
            "20200523 20210610 20220530 20230618",
        ),
        // It and the one it follows.
        (
            "2020-04-23",
            "RSCALE=CHINESE;FREQ=YEARLY;BYMONTH=4,4L;BYMONTHDAY=1",
            "20200423 20200523 20210512 20220501",
        ),
        // Adar, which is that of a common year and the second of a leap year.
        (
            "2021-02-13",
            "RSCALE=HEBREW;FREQ=YEARLY;BYMONTH=6;BYMONTHDAY=1",
            "20210213 20220304 20230222 20240311 20250301",
        ),
        // The thirtieth of Adar I: the month is another, then the day.
        (
            "2022-03-03",
            "RSCALE=HEBREW;FREQ=YEARLY;SKIP=FORWARD",
            "20220303 20230323 20240310 20250330",
        ),
        (
            "2022-03-03",
            "RSCALE=HEBREW;FREQ=YEARLY;SKIP=BACKWARD",
            "20220303 20230221 20240310 20250228",
        ),
        // The month behind the twelfth is the first of the next year, counted with the year before.
        (
            "2023-01-22",
            "RSCALE=CHINESE;FREQ=YEARLY;INTERVAL=2;BYMONTH=12L;BYMONTHDAY=1;SKIP=FORWARD",
            "20230122 20240210 20260217",
        ),
        (
            "2023-01-22",
            "RSCALE=CHINESE;FREQ=MONTHLY;BYMONTH=12L;BYMONTHDAY=1;SKIP=FORWARD",
            "20230122 20240210 20250129",
        ),
        // Every day there is has a month: none stands for another.
        (
            "2020-06-20",
            "RSCALE=CHINESE;FREQ=DAILY;BYMONTH=4L;SKIP=FORWARD;UNTIL=20250101",
            "20200620",
        ),
    ]);
}

#[test]
fn days_that_are_missing() {
    check(&[
        ("2014-01-31", "RSCALE=GREGORIAN;FREQ=MONTHLY", "20140131 20140331 20140531"),
        ("2014-01-31", "RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=OMIT", "20140131 20140331 20140531"),
        (
            "2014-01-31",
            "RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=BACKWARD",
            "20140131 20140228 20140331 20140430",
        ),
        (
            "2014-01-31",
            "RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=FORWARD",
            "20140131 20140301 20140331 20140501",
        ),
        // Twice the same day is once.
        (
            "2014-01-30",
            "RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=1,30,31;SKIP=FORWARD",
            "20140130 20140131 20140201 20140301 20140330 20140331 20140401",
        ),
        (
            "2014-01-30",
            "RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=30,-1;SKIP=BACKWARD",
            "20140130 20140131 20140228 20140330",
        ),
        // From the end it is the first that is missing.
        (
            "2014-03-01",
            "RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=-31;SKIP=FORWARD",
            "20140301 20140401 20140501",
        ),
        (
            "2014-03-01",
            "RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=-31;SKIP=BACKWARD",
            "20140301 20140331 20140501 20140531",
        ),
        // §4.1, 7: BYYEARDAY.
        (
            "2012-12-31",
            "RSCALE=GREGORIAN;FREQ=YEARLY;BYYEARDAY=366;SKIP=FORWARD",
            "20121231 20140101 20150101 20160101 20161231",
        ),
        (
            "2012-12-31",
            "RSCALE=GREGORIAN;FREQ=YEARLY;BYYEARDAY=366;SKIP=BACKWARD",
            "20121231 20131231 20141231 20151231 20161231",
        ),
        (
            "2012-01-01",
            "RSCALE=GREGORIAN;FREQ=YEARLY;BYYEARDAY=-366;SKIP=BACKWARD",
            "20120101 20121231 20131231 20141231 20160101",
        ),
        (
            "2014-09-24",
            "RSCALE=HEBREW;FREQ=YEARLY;BYYEARDAY=385;SKIP=BACKWARD",
            "20140924 20150913 20161002 20170920",
        ),
        // §4.1, 8: BYWEEKNO. Only 2015 and 2020 have 53.
        (
            "2015-12-28",
            "RSCALE=GREGORIAN;FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;SKIP=FORWARD",
            "20151228 20170102 20180101 20181231 20191230 20201228",
        ),
        (
            "2015-12-28",
            "RSCALE=GREGORIAN;FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;SKIP=BACKWARD",
            "20151228 20161226 20171225 20181224 20191223 20201228",
        ),
        // BYDAY is asked of the day that is there.
        (
            "2014-01-31",
            "RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=31;BYDAY=SA;SKIP=FORWARD",
            "20140131 20140301 20140531 20150131",
        ),
        // The last day of a lunar month: the twelfth has thirty days in some years.
        ("2015-02-18", "RSCALE=CHINESE;FREQ=YEARLY", "20150218 20170127 20180215 20190204"),
        (
            "2015-02-18",
            "RSCALE=CHINESE;FREQ=YEARLY;SKIP=BACKWARD",
            "20150218 20160207 20170127 20180215",
        ),
        (
            "2015-02-18",
            "RSCALE=CHINESE;FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=-1",
            "20150218 20160207 20170127 20180215",
        ),
        // Nothing that is there is missing, and a rule without RSCALE counts by the Gregorian.
        ("2014-01-31", "FREQ=MONTHLY;SKIP=BACKWARD", "20140131 20140228 20140331"),
        (
            "2014-01-31",
            "RSCALE=GREGORIAN;FREQ=DAILY;BYMONTHDAY=31;SKIP=FORWARD",
            "20140131 20140331 20140531",
        ),
    ]);
}

/// What counts in a month, a year or its weeks, counts in those of the calendar.
#[test]
fn parts_count_in_the_calendar() {
    check(&[
        // Tishri of 5784 begins on Saturday 16 September 2023, of 5785 on Thursday 3 October.
        (
            "2023-09-18",
            "RSCALE=HEBREW;FREQ=YEARLY;BYMONTH=1;BYDAY=1MO",
            "20230918 20241007 20250929",
        ),
        ("2023-09-18", "RSCALE=HEBREW;FREQ=YEARLY;BYDAY=1MO", "20230918 20241007 20250929"),
        // 5784 has 383 days, and ends on Wednesday 2 October.
        ("2024-10-02", "RSCALE=HEBREW;FREQ=YEARLY;BYDAY=-1WE", "20241002 20250917"),
        ("2024-10-02", "RSCALE=HEBREW;FREQ=YEARLY;BYYEARDAY=-1", "20241002 20250922"),
        ("2023-09-18", "RSCALE=HEBREW;FREQ=YEARLY;BYDAY=55MO", "20230918 20240930 20270927"),
        // Its first week is that of Sunday the 17th, or that of Monday the 18th.
        (
            "2023-09-17",
            "RSCALE=HEBREW;FREQ=YEARLY;BYWEEKNO=1;BYDAY=SU;WKST=SU",
            "20230917 20241006 20250921",
        ),
        (
            "2023-09-24",
            "RSCALE=HEBREW;FREQ=YEARLY;BYWEEKNO=1;BYDAY=SU",
            "20230924 20241006 20250928",
        ),
        // Persian months of 31 days.
        ("2024-03-20", "RSCALE=PERSIAN;FREQ=MONTHLY", "20240320 20240420 20240521 20240621"),
        ("2024-04-19", "RSCALE=PERSIAN;FREQ=MONTHLY", "20240419 20240520 20240620 20240721"),
        // The little month of the Ethiopic year.
        ("2023-08-07", "RSCALE=ETHIOPIC;FREQ=MONTHLY", "20230807 20230906 20230912 20231012"),
        ("2023-09-11", "RSCALE=ETHIOPIC;FREQ=MONTHLY;BYMONTHDAY=-1", "20230911 20231011 20231110"),
        // Ramadan, day by day.
        (
            "2024-03-11",
            "RSCALE=ISLAMIC-UMALQURA;FREQ=DAILY;BYMONTH=9;INTERVAL=15",
            "20240311 20240326 20250306 20250321",
        ),
        (
            "2024-03-11",
            "RSCALE=ISLAMIC-UMALQURA;FREQ=WEEKLY;BYMONTH=9;WKST=SU;COUNT=6",
            "20240311 20240318 20240325 20240401 20240408 20250303",
        ),
        (
            "2024-03-11",
            "RSCALE=ISLAMIC-UMALQURA;FREQ=HOURLY;BYMONTH=9;BYHOUR=9;BYYEARDAY=266",
            "20240311 20240409 20250329",
        ),
        ("2024-02-10", "RSCALE=CHINESE;FREQ=YEARLY;BYSETPOS=-1;BYMONTH=1,2", "20240210 20240310"),
        ("2024-02-10", "RSCALE=CHINESE;FREQ=YEARLY;UNTIL=20260216T235959", "20240210 20250129"),
    ]);
}

#[test]
fn what_a_calendar_does_not_have_is_refused() {
    for (text, part) in [
        ("RSCALE=KLINGON;FREQ=YEARLY", "RSCALE"),
        ("RSCALE=ISLAMIC;FREQ=YEARLY", "RSCALE"),
        ("RSCALE=;FREQ=YEARLY", "RSCALE"),
        ("FREQ=YEARLY;BYMONTH=13", "BYMONTH"),
        ("FREQ=YEARLY;BYMONTH=2L", "BYMONTH"),
        ("RSCALE=GREGORIAN;FREQ=YEARLY;BYMONTH=2L;SKIP=FORWARD", "BYMONTH"),
        ("RSCALE=JAPANESE;FREQ=YEARLY;BYMONTH=13", "BYMONTH"),
        ("RSCALE=CHINESE;FREQ=YEARLY;BYMONTH=13", "BYMONTH"),
        ("RSCALE=CHINESE;FREQ=YEARLY;BYMONTH=13L", "BYMONTH"),
        ("RSCALE=CHINESE;FREQ=YEARLY;BYMONTH=0L", "BYMONTH"),
        ("RSCALE=CHINESE;FREQ=YEARLY;BYMONTH=L", "BYMONTH"),
        ("RSCALE=CHINESE;FREQ=YEARLY;BYMONTH=-1", "BYMONTH"),
        ("RSCALE=CHINESE;FREQ=YEARLY;BYMONTH=1LL", "BYMONTH"),
        ("RSCALE=HEBREW;FREQ=YEARLY;BYMONTH=6L", "BYMONTH"),
        ("RSCALE=ETHIOPIC;FREQ=YEARLY;BYMONTH=14", "BYMONTH"),
        ("FREQ=YEARLY;BYYEARDAY=367", "BYYEARDAY"),
        ("RSCALE=PERSIAN;FREQ=YEARLY;BYYEARDAY=-367", "BYYEARDAY"),
        ("RSCALE=CHINESE;FREQ=YEARLY;BYYEARDAY=386", "BYYEARDAY"),
        ("FREQ=YEARLY;BYMONTH=1;BYSETPOS=367", "BYSETPOS"),
        ("FREQ=YEARLY;BYWEEKNO=54", "BYWEEKNO"),
        ("RSCALE=CHINESE;FREQ=YEARLY;BYWEEKNO=56", "BYWEEKNO"),
        ("FREQ=YEARLY;BYDAY=-54MO", "BYDAY"),
        ("RSCALE=CHINESE;FREQ=YEARLY;BYDAY=56MO", "BYDAY"),
        ("RSCALE=CHINESE;FREQ=YEARLY;SKIP=SIDEWAYS", "SKIP"),
    ] {
        assert_eq!(Rule::parse(text), Err(Error::Rule(part)), "{text}");
    }
}

#[test]
fn rules_come_back() {
    for text in [
        "RSCALE=CHINESE;FREQ=YEARLY",
        "RSCALE=HEBREW;FREQ=YEARLY;BYMONTHDAY=8;BYMONTH=5,5L,6;SKIP=FORWARD",
        "RSCALE=ETHIOPIC;FREQ=MONTHLY;BYMONTH=13",
        "RSCALE=CHINESE;FREQ=YEARLY;BYDAY=-55MO,55TU;BYMONTH=1L,12,12L",
        "RSCALE=CHINESE;FREQ=YEARLY;BYYEARDAY=-385,385;BYSETPOS=-385",
        "RSCALE=DANGI;FREQ=YEARLY;BYWEEKNO=-55,55;SKIP=BACKWARD",
        "RSCALE=GREGORIAN;FREQ=YEARLY;SKIP=FORWARD",
        "RSCALE=BUDDHIST;FREQ=YEARLY",
    ] {
        assert_eq!(Rule::parse(text).unwrap().to_string(), text);
    }
    for name in Scale::names() {
        let rule = Rule::parse(&format!("FREQ=YEARLY;rscale={}", name.to_lowercase())).unwrap();
        assert_eq!(Rule::parse(&rule.to_string()).unwrap(), rule, "{name}");
    }
    // What says nothing new is not said.
    for text in ["RSCALE=GREGORIAN;FREQ=DAILY", "RSCALE=gregory;FREQ=DAILY;SKIP=OMIT"] {
        assert_eq!(Rule::parse(text).unwrap().to_string(), "FREQ=DAILY");
    }
}
