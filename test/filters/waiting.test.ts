/** What happens while a filter waits: here, for an auth service that answers when the test says so. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect } from 'node:http2'
import { type TestContext, test } from 'node:test'
import { startDataPlane } from '../support/data-plane.ts'
import { http1Client, mirrorOrigin } from '../support/filtered.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'

interface Question {
  readonly uri: string
  readonly answer: ServerResponse
}

/** A site whose requests wait for the service, except for `/open`. */
async function waitingSite(t: TestContext) {
  const questions: Question[] = []
  const service = await httpOrigin(t, ({ headers }: IncomingMessage, answer) => {
    questions.push({ uri: String(headers['x-forwarded-uri']), answer })
  })
  const origin = await mirrorOrigin(t)
  const config = (filters: readonly object[]) => ({
    listeners: [{ h2c: true }],
    routes: [
      { path: '/*', upstream: 'app', filters },
      { path: '/open', upstream: 'app' },
    ],
    upstreams: { app: { servers: [origin.address] } },
  })
  const forwardAuth = { url: `http://${service.address}/`, copy: ['X-Name'], timeout: '30s' }
  const plane = await startDataPlane(t, config([{ forwardAuth }]))
  /** The question about that path, once it is asked. */
  const about = async (uri: string) => {
    await until(() => questions.some((question) => question.uri === uri))
    return questions.find((question) => question.uri === uri)!.answer
  }
  return { ...plane, questions, about, config }
}

test('pipelined requests wait their turn, and none gets what the service has said of another', async (t) => {
  const { port, questions, about } = await waitingSite(t)
  const client = await RawClient.connect(t, port)
  client.say(
    'GET /a HTTP/1.1\r\nHost: a\r\nX-Name: root\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nX-Name: root\r\nConnection: close\r\n\r\n',
  )
  const first = await about('/a')
  assert.equal((await http1Client(t, port).ask('/open')).status, 200)
  assert.deepEqual(
    questions.map(({ uri }) => uri),
    ['/a'],
  )
  first.setHeader('X-Name', 'alice')
  first.end()
  ;(await about('/b')).end()
  const bodies = [...(await client.goodbye()).matchAll(/\{.*\}/g)].map(([body]) => JSON.parse(body))
  assert.deepEqual(
    bodies.map(({ url, headers }) => [url, headers['x-name']]),
    [
      ['/a', 'alice'],
      ['/b', undefined],
    ],
  )
})

const SIZE = 20_000_000

test('a body that arrives meanwhile waits, by HTTP/1.1 with its client, and is whole afterwards', async (t) => {
  const { port, about } = await waitingSite(t)
  const sent = request({ host: '127.0.0.1', port, path: '/a', method: 'POST', headers: { 'Content-Length': SIZE } })
  sent.end(Buffer.alloc(SIZE, 'x'))
  const answer = await about('/a')
  for (let count = 0; count < 50; count++) await http1Client(t, port).ask('/open')
  assert.ok(sent.socket!.bytesWritten - sent.socket!.writableLength < SIZE, 'the client was not held back')
  answer.end()
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const piece of response) text += piece
  assert.equal(JSON.parse(text).body.length, SIZE)
})

test('a body that arrives meanwhile waits, by HTTP/2 within its window, and is whole afterwards', async (t) => {
  const { port, about } = await waitingSite(t)
  const session = connect(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  const stream = session.request({ ':method': 'POST', ':path': '/a' })
  stream.end(Buffer.alloc(SIZE, 'x'))
  const answer = await about('/a')
  for (let count = 0; count < 50; count++) await http1Client(t, port).ask('/open')
  assert.ok(stream.bufferSize > SIZE / 2, `only ${stream.bufferSize} bytes were held back`)
  answer.end()
  let text = ''
  for await (const piece of stream) text += piece
  assert.equal(JSON.parse(text).body.length, SIZE)
})

test('clients that leave, and configurations that come, change nothing for the others', async (t) => {
  const { port, about, config, apply, idle } = await waitingSite(t)
  const leaving = await RawClient.connect(t, port)
  leaving.get('/leaves')
  const left = await about('/leaves')
  const staying = http1Client(t, port).got('/stays')
  const answer = await about('/stays')
  leaving.socket.destroy()
  await once(left, 'close')
  await apply(config([{ respond: { status: 410 } }]))
  assert.equal((await http1Client(t, port).ask('/new')).status, 410)
  answer.setHeader('X-Name', 'alice')
  answer.end()
  const { url, headers } = await staying
  assert.deepEqual([url, headers['x-name']], ['/stays', 'alice'])
  await idle(0)
})
