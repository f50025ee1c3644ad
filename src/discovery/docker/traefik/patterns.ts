import { parseRouteHost } from '../../../config/host.ts'
import { parsePath } from '../../../config/path.ts'

/** A part that Traefik 2 reads as a pattern with a name: `{id:[0-9]+}`. */
const named = /\{[\w-]+:((?:[^{}]|\{[\d,]+\})+)\}/g

export function hasNamedPattern(text: string): boolean {
  return text.search(named) >= 0
}

/** A text with patterns in braces as a regular expression for the whole of what is compared, up to `end`. */
export function anchored(text: string, end: string): string {
  let expression = '^'
  let at = 0
  for (const found of text.matchAll(named)) {
    expression += `${literal(text.slice(at, found.index))}(?:${found[1]})`
    at = found.index + found[0].length
  }
  return `${expression}${literal(text.slice(at))}${end}`
}

/** The host of a route for a pattern of either syntax. Throws InvalidValue. */
export function hostExpression(pattern: string): string {
  return parseRouteHost(`~ ${hasNamedPattern(pattern) ? anchored(pattern, '$') : pattern}`)
}

/** The path of a route for a regular expression. Throws InvalidValue. */
export function pathExpression(pattern: string): string {
  return parsePath(`~ ${pattern}`)
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
