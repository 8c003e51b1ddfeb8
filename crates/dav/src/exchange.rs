//! What one request is answered with: reading from the store and changing it at the word of who
//! asks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::StatusCode;
use hyper::header::{ALLOW, HeaderValue};
use ids::{AccountId, Timestamp};
use storage::{
    AccountTx, Committed, Extent, PreparedMessage, QuietPushes, ReadTx, StorageError, Store,
    WriteTx,
};

use crate::answer::Answer;
use crate::error::{DavError, Result};
use crate::methods;
use crate::path::Place;
use crate::request::Request;
use crate::resource::{self, Actor};
use crate::settings::Settings;
use crate::turns::Turns;

/// The context of one request: the store, the settings and who asks.
pub(crate) struct Exchange {
    pub(crate) store: Store,
    pub(crate) settings: Arc<Settings>,
    pub(crate) actor: Actor,
    /// The subscriptions to pushes that are not told of what the request does.
    pub(crate) quiet: QuietPushes,
    /// How many requests of an account read at a time.
    pub(crate) turns: Turns,
}

/// What a change was refused for that is no error of storage.
#[derive(Clone, Default)]
struct Refusal(Arc<Mutex<Option<DavError>>>);

impl Refusal {
    /// What storage is told. It may run the change again, whose last outcome counts.
    fn keep<T>(&self, outcome: Result<T>) -> storage::Result<T> {
        *self.lock() = None;
        outcome.map_err(|error| match error {
            DavError::Storage(error) => error,
            error => {
                *self.lock() = Some(error);
                StorageError::Conflict("refused")
            }
        })
    }

    fn or<T>(self, written: storage::Result<Committed<T>>) -> Result<T> {
        match written {
            Ok(committed) => Ok(committed.value),
            Err(error) => Err(self.lock().take().unwrap_or(DavError::Storage(error))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<DavError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who asked for a change, and which of their own subscriptions to pushes are not told of it.
pub(crate) struct Asking {
    actor: AccountId,
    quiet: QuietPushes,
}

impl Asking {
    /// Changes what is `owner`'s.
    pub(crate) fn change<T>(
        &self,
        tx: &mut WriteTx<'_>,
        owner: AccountId,
        closure: impl FnOnce(&mut AccountTx<'_, '_>) -> Result<T>,
    ) -> Result<T> {
        let mut tx = tx.account_as(owner, self.actor)?;
        let knowing = tx.up_to_date_pushes(&self.quiet)?;
        let value = closure(&mut tx)?;
        tx.quiet_pushes(&knowing)?;
        Ok(value)
    }
}

impl Exchange {
    pub(crate) fn now(&self) -> Timestamp {
        self.store.now()
    }

    /// Reads in one snapshot, when it is the account's turn.
    pub(crate) async fn read<T, F>(&self, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Self, &mut ReadTx<'_>) -> Result<T> + Send + 'static,
    {
        let exchange = Self {
            store: self.store.clone(),
            settings: self.settings.clone(),
            actor: self.actor.clone(),
            quiet: QuietPushes::None,
            turns: self.turns.clone(),
        };
        let turn = self.turns.take(self.actor.id()).await;
        // What is wrong with a request is no error of storage.
        self.store
            .read(move |tx| {
                // Until it has read, also where the client has gone meanwhile.
                let _turn = turn;
                match closure(&exchange, tx) {
                    Ok(value) => Ok(Ok(value)),
                    Err(DavError::Storage(error)) => Err(error),
                    Err(error) => Ok(Err(error)),
                }
            })
            .await?
    }

    /// Changes what is `owner`'s, at the word of who asks. An error of any kind changes nothing.
    pub(crate) async fn write<T, F>(
        &self,
        owner: AccountId,
        label: &'static str,
        closure: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut AccountTx<'_, '_>) -> Result<T> + Send + 'static,
    {
        self.write_after(owner, label, |_| Ok(()), closure).await
    }

    /// Like `write`, but calls `lock` first, which locks further accounts that the change touches.
    pub(crate) async fn write_after<T, L, F>(
        &self,
        owner: AccountId,
        label: &'static str,
        lock: L,
        closure: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        L: FnOnce(&mut WriteTx<'_>) -> storage::Result<()> + Send + 'static,
        F: FnOnce(&mut AccountTx<'_, '_>) -> Result<T> + Send + 'static,
    {
        let asking = self.asking();
        self.write_all(label, Vec::new(), move |tx| {
            lock(tx)?;
            asking.change(tx, owner, closure)
        })
        .await
    }

    /// Changes what is of several, and names `bodies`. An error of any kind changes nothing.
    pub(crate) async fn write_all<T, F>(
        &self,
        label: &'static str,
        bodies: Vec<Arc<PreparedMessage>>,
        closure: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        let refusal = Refusal::default();
        let kept = refusal.clone();
        let written = self.store.write_with(label, bodies, move |tx| kept.keep(closure(tx))).await;
        refusal.or(written)
    }

    /// Changes one object of `owner`'s, with all that follows for others, and no account, address
    /// or domain, after `lock` has locked whoever it is about. Both closures may run more than
    /// once, each time after all they did before was rolled back. An error of any kind changes
    /// nothing.
    pub(crate) async fn write_object<T, L, F>(
        &self,
        owner: AccountId,
        label: &'static str,
        lock: L,
        closure: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        L: Fn(&mut WriteTx<'_>) -> storage::Result<()> + Send + 'static,
        F: Fn(&mut AccountTx<'_, '_>) -> Result<T> + Send + 'static,
    {
        let asking = self.asking();
        let refusal = Refusal::default();
        let kept = refusal.clone();
        let change = move |tx: &mut WriteTx<'_>| {
            lock(tx)?;
            asking.change(tx, owner, &closure)
        };
        let written = self
            .store
            .deliver_messages(Extent::Brief, label, Vec::new(), move |tx| kept.keep(change(tx)));
        refusal.or(written.await)
    }

    /// Who makes a change, and the push subscriptions that are not told of it.
    pub(crate) fn asking(&self) -> Asking {
        Asking { actor: self.actor.id(), quiet: self.quiet.clone() }
    }

    /// Whoever comes for the first time has a calendar and an address book.
    pub(crate) async fn make_first_collections(&self) -> Result<()> {
        let id = self.actor.id();
        self.write(id, "first collections", |tx| Ok(tx.make_first_collections()?)).await
    }

    pub(crate) async fn run(&self, request: Request, place: Place) -> Result<Answer> {
        let asked = place.clone();
        let refused = methods::lock::Refused::of(self, &request, &place);
        let needed = methods::privilege::needed(&request);
        let error = match self.run_method(request, place).await {
            Err(error) if error.is_not_allowed() => error,
            // RFC 3744 §7.1.1
            Err(error) if error.is_for_want() => {
                return Err(match methods::privilege::lacking(self, needed).await?.as_slice() {
                    [] => error,
                    lacking => DavError::Lacks(lacking.to_vec()),
                });
            }
            Err(error) if error.is_locked() => return Err(refused.name(self, error).await),
            answered => return answered,
        };
        // RFC 9110 §15.5.6: it says which methods are.
        let methods = HeaderValue::from_static(self.methods_at(asked).await);
        let mut answer = error.into_answer();
        answer.headers_mut().insert(ALLOW, methods);
        Ok(answer)
    }

    async fn run_method(&self, request: Request, place: Place) -> Result<Answer> {
        if let Place::Attachment(id) = &place {
            return methods::attachments::of_path(self, request, id).await;
        }
        match request.method.as_str() {
            "OPTIONS" => self.options(place).await,
            "PROPFIND" => methods::propfind::run(self, request, place).await,
            "PROPPATCH" => methods::proppatch::run(self, request, place).await,
            "ACL" => methods::acl::run(self, request, place).await,
            "REPORT" => methods::report::run(self, request, place).await,
            "GET" | "HEAD" => methods::get::run(self, request, place).await,
            "PUT" => methods::put::run(self, request, place).await,
            "POST" => methods::post::run(self, request, place).await,
            "DELETE" => methods::delete::run(self, request, place).await,
            "COPY" | "MOVE" => methods::copy_move::run(self, request, place).await,
            "MKCOL" | "MKCALENDAR" => methods::mkcol::run(self, request, place).await,
            "LOCK" => methods::lock::run(self, request, place).await,
            "UNLOCK" => methods::lock::unlock(self, request, place).await,
            _ => Err(DavError::Status(StatusCode::METHOD_NOT_ALLOWED)),
        }
    }

    async fn options(&self, place: Place) -> Result<Answer> {
        Ok(methods::options::run(self.methods_at(place).await, &self.settings))
    }

    /// The methods of what is at a place.
    async fn methods_at(&self, place: Place) -> &'static str {
        let found =
            self.read(move |exchange, tx| resource::find(tx, &exchange.actor, &place)).await;
        match &found {
            Ok(found) => methods::options::allowed(found),
            Err(_) => methods::options::ANYTHING,
        }
    }
}
