import { expressionIn } from './expression.ts'

/** What the path of a route matches: `/exactly/this`, `/rooms/:room`, `/this/*`, `/this*`. */
export interface PathForm {
  /** `:` and a name stand for any segment that is not empty. */
  readonly segments: readonly string[]
  /** What follows the segments may be anything that begins with a slash and this. Undefined: nothing follows them. */
  readonly opening: string | undefined
}

/** @param path of a route, not a regular expression */
export function pathForm(path: string): PathForm {
  const segments = path.split('/').slice(1)
  if (!path.endsWith('*')) return { segments, opening: undefined }
  return { segments: segments.slice(0, -1), opening: segments.at(-1)!.slice(0, -1) }
}

/** Whether a path of a route has parameters. */
export function hasParameters(path: string): boolean {
  return expressionIn(path) === undefined && path.includes('/:')
}

export function isParameter(segment: string): boolean {
  return segment.startsWith(':')
}
