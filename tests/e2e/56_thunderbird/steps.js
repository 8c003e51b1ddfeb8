// What the scenario has Thunderbird do, in its own JavaScript: the calls behind its buttons.

const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const { setTimeout } = ChromeUtils.importESModule("resource://gre/modules/Timer.sys.mjs");
const { cal } = ChromeUtils.importESModule("resource:///modules/calendar/calUtils.sys.mjs");

const account = () => MailServices.accounts.accounts[0];
const root = () => account().incomingServer.rootFolder;
const inbox = () => root().getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
const named = name => root().subFolders.find(folder => folder.name == name);
const calendar = () => cal.manager.getCalendars().find(each => each.type == "caldav");

/** Waits until `check` says something; the scenario bounds how long. */
async function until(check) {
  for (;;) {
    const found = await check();
    if (found) {
      return found;
    }
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

/** The end of what `start` begins, given a listener. */
function done(start) {
  return new Promise((resolve, reject) => {
    const end = status => (Components.isSuccessCode(status) ? resolve() : reject(new Error(status)));
    start({
      QueryInterface: ChromeUtils.generateQI([
        "nsIUrlListener", "nsIMsgCopyServiceListener", "nsIMsgSendListener",
      ]),
      OnStartRunningUrl() {},
      OnStopRunningUrl: (_, status) => end(status),
      onStartCopy() {},
      onProgress() {},
      setMessageKey() {},
      getMessageId() {},
      onStopCopy: end,
      onStartSending() {},
      onSendProgress() {},
      onStatus() {},
      onGetDraftFolderURI() {},
      onSendNotPerformed: (_, status) => end(status),
      onTransportSecurityError: (_, status) => reject(new Error(status)),
      onStopSending: (_, status) => Components.isSuccessCode(status) || end(status),
    });
  });
}

async function remember(origin, realm, user, password) {
  const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
  login.init(origin, null, realm, user, password, "", "");
  await Services.logins.addLoginAsync(login);
}

const steps = {
  /** The person has said that the certificate may be trusted. */
  trust({ host, ports, certificate }) {
    const database = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
    const overrides = Cc["@mozilla.org/security/certoverride;1"].getService(
      Ci.nsICertOverrideService
    );
    for (const port of ports) {
      overrides.rememberValidityOverride(
        host, port, {}, database.constructX509FromBase64(certificate), true
      );
    }
    return Services.appinfo.version;
  },

  async addAccount({ host, imaps, submissions, user, password }) {
    await remember(`imap://${host}`, `imap://${host}`, user, password);
    await remember(`smtp://${host}`, `smtp://${host}`, user, password);
    const incoming = MailServices.accounts.createIncomingServer(user, host, "imap");
    incoming.port = imaps;
    incoming.socketType = Ci.nsMsgSocketType.SSL;
    incoming.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
    incoming.password = password;
    incoming.valid = true;
    const identity = MailServices.accounts.createIdentity();
    identity.email = user;
    identity.fullName = "Julie";
    identity.valid = true;
    const made = MailServices.accounts.createAccount();
    made.incomingServer = incoming;
    made.addIdentity(identity);
    MailServices.accounts.defaultAccount = made;
    const outgoing = MailServices.outgoingServer.createServer("smtp");
    const smtp = outgoing.QueryInterface(Ci.nsISmtpServer);
    smtp.hostname = host;
    smtp.port = submissions;
    outgoing.username = user;
    outgoing.password = password;
    outgoing.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
    outgoing.socketType = Ci.nsMsgSocketType.SSL;
    identity.smtpServerKey = outgoing.key;
    incoming.performExpand(null);
    await until(() => ["Drafts", "Sent", "Trash", "Junk", "Archive"].every(named) && inbox() != null);
    const uses = ["Drafts", "SentMail", "Trash", "Junk", "Archive"];
    return uses.map(use => root().getFolderWithFlags(Ci.nsMsgFolderFlags[use]).name);
  },

  async read({ count }) {
    await done(listener => inbox().getNewMessages(null, listener));
    await until(() => inbox().getTotalMessages(false) == count);
    const subjects = [...inbox().messages].map(header => header.mime2DecodedSubject);
    const last = [...inbox().messages].at(-1);
    const uri = inbox().getUriForMsg(last);
    const text = await new Promise(resolve => {
      let data = "";
      MailServices.messageServiceFromURI(uri).streamMessage(uri, {
        QueryInterface: ChromeUtils.generateQI(["nsIStreamListener"]),
        onStartRequest() {},
        onStopRequest: () => resolve(data),
        onDataAvailable(_, stream, __, length) {
          const input = Cc["@mozilla.org/scriptableinputstream;1"].createInstance(
            Ci.nsIScriptableInputStream
          );
          input.init(stream);
          data += input.read(length);
        },
      }, null, null, false, "", false);
    });
    return { subjects, text };
  },

  async file({ counts }) {
    const all = [...inbox().messages];
    inbox().markMessagesRead(all.slice(0, 2), true);
    inbox().markMessagesFlagged(all.slice(1, 2), true);
    inbox().addKeywordsToMessages(all.slice(0, 1), "$label1");
    root().createSubfolder("Bücher & Zeitungen", null);
    const books = await until(() => named("Bücher & Zeitungen"));
    const copy = (messages, isMove) =>
      done(listener => MailServices.copy.copyMessages(
        inbox(), messages, books, isMove, listener, null, false
      ));
    await copy(all.slice(0, 2), false);
    await copy(all.slice(2, 3), true);
    await done(listener => inbox().deleteMessages(all.slice(3, 4), null, false, false, listener, false));
    const folders = [inbox(), books, named("Trash")];
    folders.forEach(folder => folder.updateFolder(null));
    await until(() => folders.every((folder, at) => folder.getTotalMessages(false) == counts[at]));
  },

  /** Asks the server, not what lies here. */
  async search({ text }) {
    const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(
      Ci.nsIMsgSearchSession
    );
    session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, inbox());
    const term = session.createTerm();
    term.attrib = Ci.nsMsgSearchAttrib.Body;
    term.op = Ci.nsMsgSearchOp.Contains;
    const value = term.value;
    value.attrib = term.attrib;
    value.str = text;
    term.value = value;
    session.appendTerm(term);
    const found = [];
    await new Promise(resolve => {
      session.registerListener({
        onSearchHit: header => found.push(header.mime2DecodedSubject),
        onSearchDone: resolve,
        onNewSearch() {},
      });
      session.search(null);
    });
    return found;
  },

  /** By its IDLE. */
  async idle({ count }) {
    await until(() => inbox().getTotalMessages(false) == count);
    return [...inbox().messages].at(-1).mime2DecodedSubject;
  },

  async send({ to, path }) {
    const identity = account().defaultIdentity;
    const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(
      Ci.nsIMsgCompFields
    );
    fields.from = identity.email;
    fields.to = to;
    const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
    file.initWithPath(path);
    const sending = Cc["@mozilla.org/messengercompose/send;1"].createInstance(Ci.nsIMsgSend);
    await done(listener => sending.sendMessageFile(
      identity, account().key, fields, file, false, false, Ci.nsIMsgSend.nsMsgDeliverNow, null,
      listener, null, ""
    ));
  },

  async addCalendars({ url, user, password }) {
    await remember(url, "Posthorn", user, password);
    const { CalDavProvider } = ChromeUtils.importESModule(
      "resource:///modules/CalDavProvider.sys.mjs"
    );
    const found = await CalDavProvider.detectCalendars(user, password, `${url}/`, true);
    for (const each of found) {
      each.setProperty("username", user);
      cal.manager.registerCalendar(each);
    }
    return found.map(each => [each.name, each.type, each.readOnly]);
  },

  async plan({ event, todo }) {
    const { CalEvent } = ChromeUtils.importESModule("resource:///modules/CalEvent.sys.mjs");
    const { CalTodo } = ChromeUtils.importESModule("resource:///modules/CalTodo.sys.mjs");
    const added = await calendar().addItem(new CalEvent(event));
    const changed = added.clone();
    changed.title = "Treffen, später";
    await calendar().modifyItem(changed, added);
    const task = await calendar().addItem(new CalTodo(todo));
    await calendar().deleteItem(task);
  },

  async foreign({ uid }) {
    calendar().refresh();
    return (await until(() => calendar().getItem(uid))).title;
  },

  async addBooks({ url, user, password }) {
    const { CardDAVUtils } = ChromeUtils.importESModule("resource:///modules/CardDAVUtils.sys.mjs");
    const books = [];
    for (const found of await CardDAVUtils.detectAddressBooks(user, password, `${url}/`, false)) {
      const book = await found.create();
      books.push([book.dirName, book.readOnly]);
    }
    const own = MailServices.ab.directories.find(
      book => book.dirName == books.find(([, readOnly]) => !readOnly)[0]
    );
    const card = Cc["@mozilla.org/addressbook/cardproperty;1"].createInstance(Ci.nsIAbCard);
    card.displayName = "Käthe Ω";
    card.primaryEmail = "kaethe@elsewhere.test";
    own.addCard(card);
    // What the server answered to its PUT.
    await until(() => own.childCards[0].getProperty("_etag", ""));
    return books;
  },
};

const [name, argument, resolve] = arguments;
Promise.resolve()
  .then(() => steps[name](argument))
  .then(
    value => resolve({ value: value ?? null }),
    error => resolve({ error: `${error}\n${error.stack ?? ""}` })
  );
