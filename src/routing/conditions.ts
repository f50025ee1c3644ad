import type { CertificateField, Route } from '../runtime/snapshot.ts'

/** What routes may require of a request besides its host and path. */
export interface RequestConditions {
  readonly method: string
  /** The name of the listener that it came by; empty for one that no route names. */
  readonly listener: string
  /** Whether the client has shown a valid certificate. */
  readonly hasCertificate: boolean
  /** Whether the first field with that (lower-case) name has exactly that value. */
  hasHeader(name: string, value: string): boolean
  /** Whether the first parameter with that name in the query has that value, or any if it is true. */
  hasParameter(name: string, value: string | true): boolean
  /** Whether the first cookie with that name has that value, or any if it is true. */
  hasCookie(name: string, value: string | true): boolean
  /** Whether the client's certificate says that. */
  certifies(field: CertificateField, value: string): boolean
}

type Condition = (request: RequestConditions) => boolean

/** The conditions of a route besides its host and path, all of which a request must meet. The methods are not counted. */
export function conditionsOf({ headers, query, cookies, listeners, clientCertificate }: Route): Condition[] {
  return [
    ...entries(headers).map(
      ([name, value]): Condition =>
        (request) =>
          request.hasHeader(name, value),
    ),
    ...entries(query).map(
      ([name, value]): Condition =>
        (request) =>
          request.hasParameter(name, value),
    ),
    ...entries(cookies).map(
      ([name, value]): Condition =>
        (request) =>
          request.hasCookie(name, value),
    ),
    ...(listeners === undefined ? [] : [(request: RequestConditions) => listeners.includes(request.listener)]),
    ...(typeof clientCertificate === 'boolean'
      ? [(request: RequestConditions) => request.hasCertificate === clientCertificate]
      : entries(clientCertificate).map(
          ([field, value]): Condition =>
            (request) =>
              request.certifies(field as CertificateField, value),
        )),
  ]
}

function entries<Value>(record: Readonly<Record<string, Value>> | undefined): [string, Value][] {
  return Object.entries(record ?? {})
}
