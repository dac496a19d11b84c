//! Lists that get shorter and longer again, from run to run, without giving up their elements.

/// Changes the length of a list. What is cut off goes to `spare`, storage and all, and comes back
/// from there when the list grows.
pub fn resize<T: Default>(list: &mut Vec<T>, spare: &mut Vec<T>, len: usize) {
    if len < list.len() {
        return spare.extend(list.drain(len..));
    }
    let first = spare.len().saturating_sub(len - list.len());
    list.extend(spare.drain(first..));
    list.resize_with(len, T::default);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_keep_their_storage() {
        let mut list = vec![Vec::<u8>::with_capacity(10), Vec::with_capacity(20)];
        let mut spare = Vec::new();
        resize(&mut list, &mut spare, 0);
        resize(&mut list, &mut spare, 3);
        let capacities: Vec<usize> = list.iter().map(Vec::capacity).collect();
        assert_eq!(capacities, [10, 20, 0]);
    }
}
