/** The parts of a request that have names. Texts have one byte a character (Latin-1), as in the request. */
export interface NamedParts {
  /** The value of the first header of that name, which is in lower case. */
  header(name: string): string | undefined
  /** The value of the first cookie of that name, after skipping so many. */
  cookie(name: string, after?: number): string | undefined
  /**
   * The value of the first parameter of that name in the query, after skipping so many: it is not unescaped, while the name
   * may be escaped.
   */
  query(name: string, after?: number): string | undefined
}

/** Where a value is in a request. */
export interface NamedPart {
  readonly from: 'header' | 'cookie' | 'query'
  /** Of a header: in lower case. */
  readonly name: string
}

/** A parameter in the segments of the path: `;name=value`. */
export interface SegmentParameter {
  readonly from: 'segment-parameter'
  readonly name: string
}

/**
 * The value that is there; undefined if there is none.
 *
 * @param after how many cookies or parameters of the name to skip; of headers only the first counts
 */
export function valueIn(request: NamedParts, { from, name }: NamedPart, after = 0): string | undefined {
  switch (from) {
    case 'header':
      return after === 0 ? request.header(name) : undefined
    case 'cookie':
      return request.cookie(name, after)
    case 'query':
      return request.query(name, after)
  }
}
