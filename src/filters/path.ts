import type { Filter } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import { escapedPath } from '../http1/escape.ts'
import { normalisePath } from '../routing/path.ts'
import type { PathSettings } from '../runtime/filter-settings.ts'
import { LinearPattern, type PatternMatch } from '../runtime/linear-pattern.ts'
import { withGroups } from './groups.ts'
import { partsOf, withoutPrefix } from './target.ts'
import { renderInTarget } from './template.ts'

/**
 * Changes the path that the server gets; the query stays. The path is looked at in its normal form, by which its route was found: dots,
 * slashes and escapes cannot lead past a prefix. It is sent on as the client has written it where that says the same.
 */
export class Path implements Filter {
  readonly name = 'path'
  readonly #settings: PathSettings
  readonly #pattern: LinearPattern | undefined

  constructor(settings: PathSettings) {
    this.#settings = settings
    this.#pattern = settings.pattern === undefined ? undefined : new LinearPattern(settings.pattern)
  }

  request(request: FilteredRequest): undefined {
    const [written, query] = partsOf(request.target)
    // That of most requests is known from routing.
    const path = request.edits.target === undefined ? request.path : normalisePath(written)
    const changed = path === undefined ? undefined : this.#changed(written, path, request)
    if (changed === undefined) return
    request.edits.target = changed.includes('?') ? withQuery(changed, query) : changed + query
    request.note(this.name, `${written} → ${changed}`)
  }

  /**
   * @param path the written one in normal form
   * @returns undefined for a path that stays as it is
   */
  #changed(written: string, path: string, request: FilteredRequest): string | undefined {
    const { strip, add, set, to } = this.#settings
    if (set !== undefined) return renderInTarget(set, request)
    if (add !== undefined) return asWritten(escapedPath(add) + written, add + path)
    if (strip === undefined) {
      const match = this.#pattern!.match(path)
      return match && replaced(path, match, to!)
    }
    for (const prefix of strip) {
      const rest = withoutPrefix(path, prefix)
      if (rest === undefined) continue
      request.edits.set('X-Forwarded-Prefix', escapedPath(prefix))
      return asWritten(withoutPrefix(written, escapedPath(prefix)), rest)
    }
    return undefined
  }
}

/** What is written, if it says that path; else the path in normal form. */
function asWritten(written: string | undefined, path: string): string {
  return written !== undefined && normalisePath(written) === path ? written : escapedPath(path)
}

/** As nginx: the query of the request follows that of the replacement. */
function withQuery(target: string, query: string): string {
  return query.length > 1 ? `${target}&${query.slice(1)}` : target
}

/** The path with `to` in the place of what has matched, in which `$1` is the first group. */
function replaced(path: string, { start, end, groups }: PatternMatch, to: string): string {
  const inPlace = withGroups(to, groups, escapedPath)
  const changed = escapedPath(path.slice(0, start)) + inPlace + escapedPath(path.slice(end))
  return changed.startsWith('/') ? changed : `/${changed}`
}
