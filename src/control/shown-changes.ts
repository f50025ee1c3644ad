/** The maximum of sentences that are kept of a configuration's changes. */
const MAX_CHANGES = 100

/** The first of a configuration's changes, which may be tens of thousands, and how many more there are. */
export function shownChanges(changes: readonly string[]): readonly string[] {
  if (changes.length <= MAX_CHANGES) return changes
  return [...changes.slice(0, MAX_CHANGES), `and ${changes.length - MAX_CHANGES} more`]
}
