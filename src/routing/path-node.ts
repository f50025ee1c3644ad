import type { Candidate } from './candidate.ts'

/** The routes whose paths begin with the same segments. */
export class PathNode {
  readonly parent: PathNode | undefined
  /** By their segment; absent if no path goes on with a fixed one. */
  children: Map<string, PathNode> | undefined
  /** Where any segment may follow. */
  any: PathNode | undefined
  /** `/app` at the node `app`, in the order in which they are tried. */
  readonly exact: Candidate[] = []
  /** `/app/*` at the node `app`. */
  readonly below: Candidate[] = []
  /** `/app/x*` at the node `app`, by what the next segment begins with, and regular expressions that begin like that. */
  openings: Map<string, Candidate[]> | undefined
  /** The lengths of `openings`, the longest first. */
  lengths: readonly number[] = []

  constructor(parent: PathNode | undefined) {
    this.parent = parent
  }

  grow(segment: string): PathNode {
    this.children ??= new Map()
    const child = this.children.get(segment) ?? new PathNode(this)
    this.children.set(segment, child)
    return child
  }

  growAny(): PathNode {
    this.any ??= new PathNode(this)
    return this.any
  }

  /** The candidates of paths that go on with a slash and that text, whatever follows. */
  open(opening: string): Candidate[] {
    if (opening === '') return this.below
    this.openings ??= new Map()
    const candidates = this.openings.get(opening) ?? []
    this.openings.set(opening, candidates)
    if (!this.lengths.includes(opening.length)) this.lengths = [...this.lengths, opening.length].sort((a, b) => b - a)
    return candidates
  }
}
