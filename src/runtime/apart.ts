/**
 * Two lists without the items that are in both, as the same object. Where little has changed in a long list, that costs little
 * more than to compare the items one by one.
 */
export function apart<Item extends object>(
  one: readonly Item[],
  other: readonly Item[],
): [readonly Item[], readonly Item[]] {
  const shorter = Math.min(one.length, other.length)
  let start = 0
  while (start < shorter && one[start] === other[start]) start++
  let end = 0
  while (end < shorter - start && one[one.length - 1 - end] === other[other.length - 1 - end]) end++
  const rest = one.slice(start, one.length - end)
  const otherRest = other.slice(start, other.length - end)
  const [items, otherItems] = [new Set(rest), new Set(otherRest)]
  return [rest.filter((item) => !otherItems.has(item)), otherRest.filter((item) => !items.has(item))]
}
