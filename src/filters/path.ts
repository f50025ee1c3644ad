import { Failure } from '../exchange/failure.ts'
import type { Filter, Verdict } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import { escapedParameter, escapedPath } from '../http1/escape.ts'
import { normalisePath } from '../routing/path.ts'
import type { PathSettings, Variable } from '../runtime/filter-settings.ts'
import { LinearPattern, type PatternMatch } from '../runtime/linear-pattern.ts'
import { GroupText } from './groups.ts'
import { partsOf, withoutPrefix } from './target.ts'
import { renderInTarget } from './template.ts'

/** A segment that leads elsewhere (RFC 3986 §5.2.4), also with escapes. */
const DOTS = /^(?:\.|%2e){1,2}$/i

/**
 * Changes the path that the server gets; the query stays. The path is looked at in its normal form, by which its route was found: dots,
 * slashes and escapes cannot lead past a prefix. It is sent on as the client has written it where that says the same.
 */
export class Path implements Filter {
  readonly name = 'path'
  readonly #settings: PathSettings
  readonly #pattern: LinearPattern | undefined
  readonly #to: GroupText

  constructor(settings: PathSettings) {
    const { pattern, to = '' } = settings
    this.#settings = settings
    this.#pattern = pattern === undefined ? undefined : new LinearPattern(pattern)
    this.#to = new GroupText(to)
  }

  request(request: FilteredRequest): Verdict {
    const written = request.targetPath
    // That of most requests is known from routing.
    const path = request.edits.target === undefined ? request.path : normalisePath(written)
    const changed = path === undefined ? undefined : this.#changed(written, path, request)
    if (changed === undefined) return undefined
    if (this.#leadsOut(changed, request))
      return new Failure('bad-request', 'the path that a server would get has a segment of dots')
    const query = request.targetQuery
    request.edits.target = changed.includes('?') ? withQuery(changed, query) : changed + query
    // A query may have secrets that are logged nowhere else.
    request.note(this.name, `${written} → ${partsOf(changed)[0]}`)
    return undefined
  }

  /**
   * Whether what a client has put into the path leads elsewhere than it should. The path of the request itself cannot: it does not climb
   * above its own root.
   */
  #leadsOut(changed: string, request: FilteredRequest): boolean {
    const { strip, add, set } = this.#settings
    if (strip !== undefined || add !== undefined || !/[.%]/.test(changed)) return false
    const own = set?.some((part) => typeof part !== 'string' && isOwnPath(part)) === true
    const others = own
      ? renderInTarget(
          set!.filter((part) => typeof part === 'string' || !isOwnPath(part)),
          request,
        )
      : changed
    return partsOf(others)[0]
      .split('/')
      .some((segment) => DOTS.test(segment))
  }

  /**
   * @param path the written one in normal form
   * @returns undefined for a path that stays as it is
   */
  #changed(written: string, path: string, request: FilteredRequest): string | undefined {
    const { strip, add, set } = this.#settings
    if (set !== undefined) return fromRoot(renderInTarget(set, request))
    if (add !== undefined) return asWritten(escapedPath(add) + written, add + path)
    if (strip === undefined) {
      const match = this.#pattern!.match(path)
      return match && fromRoot(this.#replaced(path, match))
    }
    for (const prefix of strip) {
      const rest = withoutPrefix(path, prefix)
      if (rest === undefined) continue
      request.edits.set('X-Forwarded-Prefix', escapedPath(prefix))
      return asWritten(withoutPrefix(written, escapedPath(prefix)), rest)
    }
    return undefined
  }

  #replaced(path: string, { start, end, groups }: PatternMatch): string {
    const inPlace = this.#to.with(groups, (text, isInQuery) => (isInQuery ? escapedParameter : escapedPath)(text))
    return escapedPath(path.slice(0, start)) + inPlace + escapedPath(path.slice(end))
  }
}

/** What is written, if it says that path; else the path in normal form. Two slashes at its start are a host to many applications. */
function asWritten(written: string | undefined, path: string): string {
  const isPlain = written !== undefined && !/^\/[/\\]/.test(written) && normalisePath(written) === path
  return isPlain ? written : escapedPath(path)
}

/** The same with one slash at its start. */
function fromRoot(target: string): string {
  return `/${target.replace(/^\/+/, '')}`
}

/** As nginx: the query of the request follows that of the replacement. */
function withQuery(target: string, query: string): string {
  return query.length > 1 ? `${target}&${query.slice(1)}` : target
}

function isOwnPath({ from }: Variable): boolean {
  return from === 'request.path' || from === 'request.target'
}
