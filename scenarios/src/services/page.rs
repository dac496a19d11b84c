//! The page allocator's checks, each with the reason that it gives: of a page that is freed
//! (`free_page_is_bad()`), and of one that is handed out again (`check_new_page()`).
//!
//! Expected: `services/page-free-…/bug` and `services/page-prep-…/bug` show bad-page-state.

use super::twins;
use ksim::base::finding::Kind;
use ksim::program::{Atomic, Kernel};
use ksim::run::Scenario;

const SOURCE: &str = "mm/page_alloc.c, v6.3";

ksim::kernel_struct! {
    /// A page, with what the allocator looks at; `_mapcount` counts from 0 here.
    struct Page("page", Page) {
        flags: Atomic, _mapcount: Atomic, mapping: Atomic, _refcount: Atomic, memcg_data: Atomic,
    }
    free_checks {
        _mapcount & u64::MAX => 0, "nonzero mapcount";
        mapping & u64::MAX => 0, "non-NULL mapping";
        _refcount & u64::MAX => 0, "nonzero _refcount";
        flags & AT_FREE => 0, "PAGE_FLAGS_CHECK_AT_FREE flag(s) set";
        memcg_data & u64::MAX => 0, "page still charged to cgroup";
    }
    prep_checks {
        _mapcount & u64::MAX => 0, "nonzero mapcount";
        mapping & u64::MAX => 0, "non-NULL mapping";
        _refcount & u64::MAX => 0, "nonzero _refcount";
        flags & AT_PREP => 0, "PAGE_FLAGS_CHECK_AT_PREP flag(s) set";
        memcg_data & u64::MAX => 0, "page still charged to cgroup";
    }
}

/// `PG_active`: one of those that a freed page must not have.
const AT_FREE: u64 = 0x40;
/// A page that is handed out has no flag at all; `PG_dirty` is only looked at then.
const AT_PREP: u64 = u64::MAX;
const DIRTY: u64 = 0x10;

/// What is left behind in which field, with a name for the scenario.
type Mark = (&'static str, fn(Page) -> Atomic, u64);

const MARKS: [Mark; 5] = [
    ("mapcount", Page::_mapcount, 1),
    ("mapping", Page::mapping, 0x1000),
    ("refcount", Page::_refcount, 1),
    ("flags", Page::flags, AT_FREE),
    ("memcg", Page::memcg_data, 1),
];

pub(super) fn scenarios() -> Vec<Scenario> {
    let prep = MARKS.map(|(name, field, value)| {
        let value = if name == "flags" { DIRTY } else { value };
        prep_check((name, field, value))
    });
    [MARKS.map(free_check), prep].concat().concat()
}

/// `put_page()` of the last reference.
async fn put_page(k: &Kernel, page: Page) {
    let k = &k.func("put_page");
    if k.atomic_dec_and_test(page._refcount()).await {
        k.free_page(page).await;
    }
}

/// 1. A use of the page leaves its mark; 2. the page is freed. The twin takes the mark away.
fn free_check((name, field, value): Mark) -> Vec<Scenario> {
    let about = format!("a page freed with a mark left in its {name}");
    let name = format!("page-free-{name}");
    twins(&name, &about, SOURCE, &[Kind::BadPageState], move |sim, bug| {
        sim.cpus(1);
        sim.task(0, "task", move |k| async move {
            let k = &k.func("release");
            let page: Page = k.alloc_page().await;
            // The last put sees 1, and somebody gets a reference all the same.
            k.atomic_dec(page._refcount()).await;
            k.atomic_add(field(page), value).await;
            if !bug {
                k.atomic_add(field(page), value.wrapping_neg()).await;
            }
            k.free_page(page).await;
        });
    })
}

/// A page is freed, clean; somebody with a stale pointer marks it, which KASAN does not see in
/// `struct page`; it is handed out again. The twin marks it before, and takes the mark away.
fn prep_check((name, field, value): Mark) -> Vec<Scenario> {
    let about = format!("a free page whose {name} is changed before it is handed out again");
    let name = format!("page-prep-{name}");
    twins(&name, &about, SOURCE, &[Kind::BadPageState], move |sim, bug| {
        sim.cpus(1);
        sim.reuse_memory(true);
        sim.kasan(false);
        sim.task(0, "task", move |k| async move {
            let k = &k.func("stale_user");
            let page: Page = k.alloc_page().await;
            if bug {
                put_page(k, page).await;
                k.atomic_add(field(page), value).await;
            } else {
                k.atomic_add(field(page), value).await;
                k.atomic_add(field(page), value.wrapping_neg()).await;
                put_page(k, page).await;
            }
            let again: Page = k.alloc_page().await;
            put_page(k, again).await;
        });
    })
}
