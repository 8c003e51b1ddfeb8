"""The messages that imaptest appends."""

import random

WORDS = ("attached budget dog fox invoice jumps lazy mail meeting monday network notes over plan "
         "please project quick regards release report review schedule server storage testing "
         "thanks the tuesday update version").split()


def write_mbox(path, messages=400):
    """imaptest knows a message by its Message-ID, and looks for texts with regard to case."""
    choice = random.Random(7)

    def words(count):
        return " ".join(choice.choice(WORDS) for _ in range(count))

    with open(path, "w") as mbox:
        for number in range(messages):
            answers = number > 0 and choice.random() < 0.6
            mbox.write("From a@b.test Mon Jan  5 10:00:00 2026\n"
                       f"From: {words(1)} <{words(1)}@example.test>\nTo: max@example.test\n"
                       f"Subject: {'re: ' if answers else ''}{words(3)}\n"
                       f"Date: {choice.randrange(1, 29)} Feb 2026 10:{number % 60:02}:00 +0000\n"
                       f"Message-ID: <{number}@example.test>\n")
            if answers:
                mbox.write(f"References: <{choice.randrange(number)}@example.test>\n")
            mbox.write("\n" + "".join(words(10) + "\n" for _ in range(choice.randrange(2, 40))) + "\n")
