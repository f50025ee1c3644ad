import type { Problem } from '../../config/error.ts'
import { type Directive, directive } from '../directive.ts'
import { when } from '../refusal.ts'

/** Names with more of `-` and `_` have too many spellings. */
const MOST_SEPARATORS = 4

/**
 * Sets a header of requests, or removes it with an empty value. As in Limpet, no other spelling of the name reaches the server from the
 * client: many servers take `X_User` for `X-User`.
 */
export function setRequestHeader(name: string, value: string): Directive[] {
  return [
    directive('proxy_set_header', name, value),
    ...spellings(name).map((other) => directive('proxy_set_header', other, '')),
  ]
}

/** Refuses names of which not all spellings can be named. */
export function inexpressibleNames(names: readonly string[], path: string): Problem[] {
  return when(
    names.some((name) => partsOf(name).length > MOST_SEPARATORS + 1),
    path,
    'nginx has no other spellings of a name, such as X_User of X-User, which the export names one by one',
    `use names with at most ${MOST_SEPARATORS} of - and _`,
  )
}

function spellings(name: string): string[] {
  const [first = '', ...others] = partsOf(name)
  const all = others.reduce((begun, part) => begun.flatMap((each) => [`${each}-${part}`, `${each}_${part}`]), [first])
  return all.filter((each) => each !== name)
}

function partsOf(name: string): string[] {
  return name.split(/[-_]/)
}
