/** What a request names. Texts hold one byte a character (Latin-1), as the request had them. */
export interface NamedParts {
  /** The value of the first header of that name, which is in lower case. */
  header(name: string): string | undefined
  /** The value of the first cookie of that name, or of the one after so many others. */
  cookie(name: string, after?: number): string | undefined
  /**
   * The value of the first parameter of that name in the query, or of the one after so many others: as it stands there, while
   * the name may be escaped.
   */
  query(name: string, after?: number): string | undefined
}

/** Where a value stands in a request. */
export interface NamedPart {
  readonly from: 'header' | 'cookie' | 'query'
  /** Of a header: in lower case. */
  readonly name: string
}

/**
 * The value that stands there; undefined where there is none.
 *
 * @param after how many cookies or parameters of the name are passed over; of headers only the first counts
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
