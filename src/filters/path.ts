import type { Filter } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import { escapedPath } from '../http1/escape.ts'
import { normalisePath } from '../routing/path.ts'
import type { PathSettings } from '../runtime/filter-settings.ts'
import { LinearPattern } from '../runtime/linear-pattern.ts'
import { renderInTarget } from './template.ts'

/**
 * Changes the path that the server gets; the query stays. The path is looked at in its normal form, by which its route was found: dots,
 * slashes and escapes cannot lead past a prefix. It is sent on as the client has written it where that says the same.
 */
export class Path implements Filter {
  readonly name = 'path'
  readonly #settings: PathSettings
  readonly #replacement: Replacement | undefined

  constructor(settings: PathSettings) {
    const { pattern, to } = settings
    this.#settings = settings
    this.#replacement = pattern === undefined ? undefined : new Replacement(pattern, to!)
  }

  request(request: FilteredRequest): undefined {
    const written = request.targetPath
    // That of most requests is known from routing.
    const path = request.edits.target === undefined ? request.path : normalisePath(written)
    const changed = path === undefined ? undefined : this.#changed(written, path, request)
    if (changed === undefined) return
    const query = request.targetQuery
    request.edits.target = changed.includes('?') ? withQuery(changed, query) : changed + query
    request.note(this.name, `${written} → ${changed}`)
  }

  /**
   * @param path the written one in normal form
   * @returns undefined for a path that stays as it is
   */
  #changed(written: string, path: string, request: FilteredRequest): string | undefined {
    const { strip, add, set } = this.#settings
    if (set !== undefined) return renderInTarget(set, request)
    if (add !== undefined) return asWritten(escapedPath(add) + written, add + path)
    if (strip === undefined) return this.#replacement!.of(path)
    const rest = withoutPrefix(path, strip)
    if (rest === undefined) return undefined
    request.edits.set('X-Forwarded-Prefix', escapedPath(strip))
    return asWritten(withoutPrefix(written, escapedPath(strip)), rest)
  }
}

/** A path without that prefix, which is whole segments; undefined if it has another. */
function withoutPrefix(path: string, prefix: string): string | undefined {
  if (path === prefix) return '/'
  return path.startsWith(prefix) && path[prefix.length] === '/' ? path.slice(prefix.length) : undefined
}

/** What is written, if it says that path; else the path in normal form. */
function asWritten(written: string | undefined, path: string): string {
  return written !== undefined && normalisePath(written) === path ? written : escapedPath(path)
}

/** As nginx: the query of the request follows that of the replacement. */
function withQuery(target: string, query: string): string {
  return query.length > 1 ? `${target}&${query.slice(1)}` : target
}

/** What a pattern matches, and what takes its place. */
class Replacement {
  readonly #pattern: LinearPattern
  /** Text, and behind each the number of the group that follows it. */
  readonly #parts: readonly string[]

  /** @param to in it `$1` is the first group */
  constructor(pattern: string, to: string) {
    this.#pattern = new LinearPattern(pattern)
    this.#parts = to.split(/\$(\d)/)
  }

  /** That path, changed; undefined if the pattern does not match it. */
  of(path: string): string | undefined {
    const match = this.#pattern.match(path)
    if (match === undefined) return undefined
    let changed = escapedPath(path.slice(0, match.start)) + this.#parts[0]
    for (let at = 1; at < this.#parts.length; at += 2) {
      const group = match.groups[Number(this.#parts[at])] ?? ''
      changed += escapedPath(group) + this.#parts[at + 1]
    }
    changed += escapedPath(path.slice(match.end))
    return changed.startsWith('/') ? changed : `/${changed}`
  }
}
