//! Static descriptions of kernel structs, made by [`kernel_struct!`](crate::kernel_struct).

/// What lives in a field: decides how it is named and which operations fit.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum FieldKind {
    /// A plain word.
    Word,
    /// `atomic_t`.
    Atomic,
    /// `refcount_t`.
    Refcount,
    /// `spinlock_t`.
    SpinLock,
    /// `struct mutex`.
    Mutex,
    /// `struct rw_semaphore`.
    RwSem,
    /// `rwlock_t`.
    RwLock,
    /// `struct list_head`: two words.
    List,
    /// `struct rcu_head`: two words, `next` and `func`.
    Rcu,
    /// `struct work_struct`: two words, `pending` and `func`.
    Work,
    /// `struct timer_list`: two words, `pending` and `func`.
    Timer,
    /// An embedded struct, described by [`FieldDesc::sub`].
    Struct,
    /// An array of plain words.
    Array,
}

/// One field of a kernel struct.
#[derive(Debug)]
pub struct FieldDesc {
    /// Its name in C.
    pub name: &'static str,
    /// First word.
    pub at: usize,
    /// How many words.
    pub words: usize,
    /// What it is.
    pub kind: FieldKind,
    /// The embedded struct.
    pub sub: Option<&'static TypeDesc>,
}

/// Which allocator an object comes from; decides what its memory looks like before and after.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Allocator {
    /// A kmem cache: poisoned on free, watched by KASAN.
    Slab,
    /// A kmem cache with `SLAB_TYPESAFE_BY_RCU`: a freed object stays one of its type, with its
    /// contents, until a grace period has passed.
    SlabTypesafeByRcu,
    /// The page allocator: the words are `struct page` (never unmapped) followed by the contents.
    Page,
    /// Static storage: never allocated nor freed.
    Static,
}

/// A word that must have a certain value when the object is freed, or handed out.
#[derive(Debug)]
pub struct FreeCheck {
    /// Which word.
    pub at: usize,
    /// Which bits of it.
    pub mask: u64,
    /// What these bits must be.
    pub expect: u64,
    /// The kernel's complaint, after "page dumped because: ".
    pub reason: &'static str,
}

/// A kernel struct.
#[derive(Debug)]
pub struct TypeDesc {
    /// Its tag in C.
    pub name: &'static str,
    /// Its size in words.
    pub words: usize,
    /// Its fields; overlaid ones share words.
    pub fields: &'static [FieldDesc],
    /// Where it is allocated.
    pub allocator: Allocator,
    /// What must hold when it is freed.
    pub free_checks: &'static [FreeCheck],
    /// What must still hold when its freed memory becomes another object of this type.
    pub prep_checks: &'static [FreeCheck],
}

impl TypeDesc {
    /// Writes the path of fields that leads to word `at`, preferring a field of kind `kind` where
    /// fields are overlaid: `.context.lock`, `.lru`, or nothing for the start of the object.
    pub fn path(&self, at: usize, kind: Option<FieldKind>, out: &mut String) {
        let covers = |f: &&FieldDesc| f.at <= at && at < f.at + f.words;
        let wanted = |f: &&FieldDesc| kind == Some(f.kind);
        let mut covering = self.fields.iter().filter(covers);
        let Some(field) = covering.clone().find(wanted).or_else(|| covering.next()) else {
            return;
        };
        out.push('.');
        out.push_str(field.name);
        match (field.sub, field.kind, at - field.at) {
            (Some(sub), _, at) => sub.path(at, kind, out),
            (None, FieldKind::Array, i) => out.push_str(&format!("[{i}]")),
            (None, FieldKind::Rcu, 1) if kind != Some(FieldKind::Rcu) => out.push_str(".func"),
            (None, FieldKind::List, 1) if kind != Some(FieldKind::List) => out.push_str(".prev"),
            (None, FieldKind::List | FieldKind::Rcu, 0) if kind == Some(FieldKind::Word) => {
                out.push_str(".next");
            }
            _ => {}
        }
    }
}

impl PartialEq for TypeDesc {
    fn eq(&self, other: &TypeDesc) -> bool {
        self.name == other.name
    }
}
