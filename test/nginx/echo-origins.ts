import type { TestContext } from 'node:test'
import { httpOrigin } from '../support/origin.ts'

/** The request that a server got, as it reports it in its response. */
export interface Echo {
  /** `127.0.0.1:40123` */
  readonly server: string
  readonly method: string
  readonly target: string
  /** Lower-case name and value of each field, in order of names. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

/** Starts `count` servers that answer every request with an Echo of it. Returns their addresses. */
export function echoOrigins(test: TestContext, count: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const { address } = await httpOrigin(test, async (request, response) => {
        const chunks = await request.toArray()
        const fields = Array.from({ length: request.rawHeaders.length / 2 }, (_, index) => [
          request.rawHeaders[index * 2]!.toLowerCase(),
          request.rawHeaders[index * 2 + 1]!,
        ])
        const echo = {
          server: address,
          method: request.method,
          target: request.url,
          headers: fields.sort(([one], [other]) => (one! < other! ? -1 : Number(one! > other!))),
          body: Buffer.concat(chunks).toString(),
        }
        // The Echo is in a header, because a response to HEAD has no body.
        const encoded = Buffer.from(JSON.stringify(echo)).toString('base64')
        response.writeHead(200, {
          Date: 'Thu, 01 Jan 1970 00:00:00 GMT',
          Server: 'echo',
          Location: `http://${address}/elsewhere`,
          'Content-Type': 'text/plain',
          'Content-Length': 5,
          'X-Accel-Expires': '10',
          'X-Echo': encoded,
        })
        response.end('heard')
      })
      return address
    }),
  )
}
