import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { httpOrigin, type Origin } from './origin.ts'

/**
 * A server that puts its own id at the end of its session ids, as Tomcat does with its jvmRoute, and reads them from the
 * cookie or the path. Its answer is its id, how often it has seen the session, and the session's id.
 */
export function jvmRouteApp(test: TestContext, id: string): Promise<Origin> {
  const sessions = new Map<string, number>()
  return httpOrigin(test, ({ headers, url }, response) => {
    const inCookie = /(?:^|; )JSESSIONID="?([^;"]+)/.exec(headers.cookie ?? '')?.[1]
    let session = inCookie ?? /;jsessionid=([^;/?]+)/.exec(url!)?.[1]
    if (session === undefined || !sessions.has(session)) {
      session = `${randomUUID().replaceAll('-', '').toUpperCase()}.${id}`
      sessions.set(session, 0)
      response.setHeader('Set-Cookie', `JSESSIONID=${session}; Path=/; HttpOnly`)
    }
    sessions.set(session, sessions.get(session)! + 1)
    response.end(`${id} ${sessions.get(session)} ${session}`)
  })
}
