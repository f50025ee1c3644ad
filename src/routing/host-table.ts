import type { LinearPattern } from '../runtime/linear-pattern.ts'
import type { Route } from '../runtime/snapshot.ts'
import type { RequestConditions } from './conditions.ts'
import { compareExpressions, patternIn } from './expression.ts'
import { PathTable } from './path-table.ts'

/** The routes of one priority, by their hosts. */
export class HostTable {
  readonly #exact = new Map<string, PathTable>()
  /** By what follows the asterisk: `.example.org`. */
  readonly #below = new Map<string, PathTable>()
  /** By what precedes the asterisk: `www.example.`. */
  readonly #beginning = new Map<string, PathTable>()
  /** Regular expressions, in the order in which they are tried. */
  readonly #expressions: HostExpression[] = []
  #longestExact = 0
  #longestBelow = 0
  #longestBeginning = 0
  readonly #any = new PathTable()
  #usesHost = false

  /** Whether any route looks at the host. */
  get usesHost(): boolean {
    return this.#usesHost
  }

  add(route: Route): void {
    this.#tableFor(route.host).add(route)
  }

  find(host: string, path: string, request: RequestConditions): Route | undefined {
    if (this.#usesHost) {
      const exact = host.length > this.#longestExact ? undefined : this.#exact.get(host)?.find(path, request)
      if (exact !== undefined) return exact
      const from = Math.max(0, host.length - this.#longestBelow)
      for (let dot = host.indexOf('.', from); dot >= 0; dot = host.indexOf('.', dot + 1)) {
        const wildcard = this.#below.get(host.slice(dot))?.find(path, request)
        if (wildcard !== undefined) return wildcard
      }
      const other = this.#findByBeginning(host, path, request) ?? this.#findByExpression(host, path, request)
      if (other !== undefined) return other
    }
    return this.#any.find(path, request)
  }

  #findByBeginning(host: string, path: string, request: RequestConditions): Route | undefined {
    if (this.#longestBeginning === 0) return undefined
    // The asterisk stands for at least one character.
    const last = Math.min(host.length - 2, this.#longestBeginning - 1)
    for (let dot = host.lastIndexOf('.', last); dot > 0; dot = host.lastIndexOf('.', dot - 1)) {
      const route = this.#beginning.get(host.slice(0, dot + 1))?.find(path, request)
      if (route !== undefined) return route
    }
    return undefined
  }

  #findByExpression(host: string, path: string, request: RequestConditions): Route | undefined {
    for (let i = 0; i < this.#expressions.length; i++) {
      const { pattern, table } = this.#expressions[i]!
      const route = pattern.test(host) ? table.find(path, request) : undefined
      if (route !== undefined) return route
    }
    return undefined
  }

  #tableFor(host: string | undefined): PathTable {
    if (host === undefined) return this.#any
    this.#usesHost = true
    const pattern = patternIn(host)
    if (pattern !== undefined) return this.#tableForExpression(pattern)
    if (host.startsWith('*.')) {
      this.#longestBelow = Math.max(this.#longestBelow, host.length - 1)
      return tableAt(this.#below, host.slice(1))
    }
    if (host.endsWith('.*')) {
      this.#longestBeginning = Math.max(this.#longestBeginning, host.length - 1)
      return tableAt(this.#beginning, host.slice(0, -1))
    }
    this.#longestExact = Math.max(this.#longestExact, host.length)
    return tableAt(this.#exact, host)
  }

  #tableForExpression(pattern: LinearPattern): PathTable {
    let at = 0
    while (
      at < this.#expressions.length &&
      compareExpressions(this.#expressions[at]!.pattern.source, pattern.source) < 0
    )
      at++
    const next = this.#expressions[at]
    if (next?.pattern.source === pattern.source) return next.table
    const table = new PathTable()
    this.#expressions.splice(at, 0, { pattern, table })
    return table
  }
}

interface HostExpression {
  readonly pattern: LinearPattern
  readonly table: PathTable
}

function tableAt(tables: Map<string, PathTable>, key: string): PathTable {
  const table = tables.get(key) ?? new PathTable()
  tables.set(key, table)
  return table
}
