import { z } from 'zod'
import { InvalidValue } from '../error.ts'
import { durationFrom, text } from '../field.ts'
import { framingFields, headersWithout } from '../header-fields.ts'
import { isUnixSocket, parseUnixSocket } from '../unix-socket.ts'
import { shownUrl } from '../url.ts'
import { everySource } from './every-source.ts'
import { ApiTls, refuseTlsWithoutHttps } from './source-api.ts'

const socketAndTarget = /^(unix:[^:]*)(?::(\/[!"$-~]*))?$/i

/** Where a list is: at a URL, or at a target on a Unix socket. */
export function placeOf(url: string): { readonly url: URL; readonly socketPath?: string } {
  const [, socket, target = '/'] = socketAndTarget.exec(url) ?? []
  if (socket === undefined || !isUnixSocket(socket)) return { url: new URL(url) }
  return { url: new URL(target, 'http://localhost'), socketPath: parseUnixSocket(socket) }
}

/** It appears in logs, so it has no password. */
function checkedUrl(written: string): string {
  if (isUnixSocket(written)) {
    const [, socket] = socketAndTarget.exec(written) ?? []
    if (socket === undefined)
      throw new InvalidValue('unix: and the path of a socket, then : and a path', 'write unix:/run/servers.sock:/app')
    parseUnixSocket(socket)
    return written
  }
  return shownUrl(written, 'write them as the header Authorization')
}

const own = [...framingFields, 'if-none-match', 'prefer', 'accept-encoding']

/** A list of servers at a URL. See docs/discovery/http.md. */
export const HttpSource = z
  .strictObject({
    from: z.literal('http').describe('A list at a URL.'),
    url: text(checkedUrl, 'a URL').describe(
      'Where the list is: http://, https://, or unix: with the path of a socket, as in unix:/run/servers.sock:/app.',
    ),
    headers: z
      .exactOptional(headersWithout(own))
      .describe('Headers of the requests, such as Authorization. Their values are never shown. Default: none.'),
    interval: durationFrom(100)
      .prefault('5s')
      .describe(
        'The time from one request to the next, where the server does not hold requests back until it has news.',
      ),
    tls: ApiTls,
    ...everySource,
  })
  .check(({ value: { tls, url }, issues }) => refuseTlsWithoutHttps(tls, [url], issues))

export type HttpSource = z.output<typeof HttpSource>
