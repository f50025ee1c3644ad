import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { httpOrigin, type Named, type Origin } from './origin.ts'

/** Where an application puts the ids of its sessions. */
export interface Way {
  readonly shown: (request: IncomingMessage) => string | undefined
  readonly tell: (response: ServerResponse, id: string, request: IncomingMessage) => void
}

export const byCookie: Way = {
  shown: ({ headers }) => /(?:^|; )sid=([^;]+)/.exec(headers.cookie ?? '')?.[1],
  tell: (response, id) => response.setHeader('Set-Cookie', ['theme=dark', `sid=${id}; Path=/; HttpOnly`]),
}

export const byHeader: Way = {
  shown: ({ headers }) => headers['mcp-session-id'] as string | undefined,
  tell: (response, id) => response.setHeader('Mcp-Session-Id', id),
}

export const byRedirect: Way = {
  shown: ({ url }) => new URL(url!, 'http://a').searchParams.get('sid') ?? undefined,
  tell(response, id, { url }) {
    response.statusCode = 302
    response.setHeader('Location', `${new URL(url!, 'http://a').pathname}?lang=en&sid=${id}#top`)
  },
}

/**
 * A server with its sessions in memory: it counts the requests of each, begins one for a client that has none, and ends it on
 * `/logout`. Its answer is its name and the count.
 */
export function sessionApp(
  test: TestContext,
  name: string,
  way: Way,
  sessions = new Map<string, number>(),
): Promise<Origin> {
  return httpOrigin(test, (request, response) => {
    let id = way.shown(request)
    if (request.url === '/logout') {
      sessions.delete(id!)
      response.setHeader('Set-Cookie', 'sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT')
      response.end(`${name} bye`)
      return
    }
    if (request.url === '/login' || id === undefined || !sessions.has(id)) {
      id = randomUUID()
      sessions.set(id, 0)
      way.tell(response, id, request)
    }
    sessions.set(id, sessions.get(id)! + 1)
    response.end(`${name} ${sessions.get(id)}`)
  })
}

/** Three of them, each with its own sessions. */
export const threeSessionApps = async (test: TestContext, way: Way): Promise<Named<'a' | 'b' | 'c'>> => ({
  a: await sessionApp(test, 'a', way),
  b: await sessionApp(test, 'b', way),
  c: await sessionApp(test, 'c', way),
})
