import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

/** A simple proxy that replaces Limpet for the browser: one origin for both kinds of server. */
export interface Front {
  url: string
  /** The URL of the server for the page. */
  page: string
  /** The URLs of the servers for students, used in turn. An empty list answers with 503, `'silence'` does not answer. */
  students: string[] | 'silence'
  /** The maximum number of concurrent requests for students. */
  overlap: number
}

export async function listen(test: TestContext, page: string, students: string[]): Promise<Front> {
  const front: Front = { url: '', page, students, overlap: 0 }
  let open = 0
  let turn = 0

  const server = createServer((incoming, outgoing) => {
    const forStudents = incoming.url === '/api/student'
    if (forStudents) {
      open += 1
      front.overlap = Math.max(front.overlap, open)
      outgoing.on('close', () => {
        open -= 1
      })
      if (front.students === 'silence') return
    }
    const origin = forStudents ? front.students[turn++ % front.students.length] : front.page
    if (!origin) {
      outgoing.writeHead(503).end()
      return
    }
    const { method, headers } = incoming
    const onward = request(new URL(incoming.url!, origin), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    onward.end()
  })
  test.after(() => {
    server.close()
    server.closeAllConnections()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  front.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return front
}
