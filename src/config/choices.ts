import { nearest } from './nearest.ts'

/** How many names a message lists at most. */
const LISTED = 10

/** What may have been meant by a name that does not exist, in words: `did you mean web-2? (there are web-1, web-2)`. */
export function choices(name: string, names: readonly string[]): string {
  const suggestion = nearest(name, names)
  const there = names.length === 0 ? 'there are none' : `there ${names.length === 1 ? 'is' : 'are'} ${listed(names)}`
  return suggestion === undefined ? there : `did you mean ${suggestion}? (${there})`
}

function listed(names: readonly string[]): string {
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : ''
  return `${names.slice(0, LISTED).join(', ')}${more}`
}
