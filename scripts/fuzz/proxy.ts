import { once } from 'node:events'
import { createServer } from 'node:http'
import http2 from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { FrameMutator } from '../../test/http2/frame-mutator.ts'
import { pieces } from '../../test/http2/frames.ts'
import { startLimpet } from '../../test/support/limpet.ts'

/** So many damaged connections are open at once. */
const AT_ONCE = 16
/** A client that has sent everything, and perhaps said so, waits so long for the connection to be closed, in ms, and resets it. */
const PATIENCE = 200
/** An honest client makes a request so often, in ms, and has to have its answer within so long. */
const PROBE_INTERVAL = 250
const PROBE_PATIENCE = 5000

/** What llhttp calls a message that is cut off, as it is where a client leaves. */
const CUT_OFF = ['HPE_INVALID_METHOD', 'HPE_INVALID_EOF_STATE', 'ECONNRESET', 'EPIPE']

/**
 * A server that answers, with a body that its path says the size of; it speaks back on an Upgrade.
 *
 * @param refused is called with what it is sent and cannot read
 */
async function startOrigin(refused: (what: string) => void): Promise<{ port: number; close: () => void }> {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => response.end('x'.repeat(request.url?.length ?? 0)))
  })
  server.on('clientError', (error: Error & { code?: string; rawPacket?: Buffer }, socket) => {
    socket.destroy()
    if (!CUT_OFF.includes(error.code ?? ''))
      refused(`${error.message}: ${JSON.stringify(error.rawPacket?.toString('latin1'))}`)
  })
  server.on('upgrade', (_, socket) => {
    socket.on('error', () => socket.destroy())
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Sends those bytes on a connection of their own, and resolves once it is over. */
async function talk(port: number, parts: readonly Buffer[], ends: boolean): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => socket.destroy())
  socket.setNoDelay().resume()
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  for (const part of parts) {
    socket.write(part)
    // The next part is to be another segment.
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (ends) socket.end()
  // After its end, a socket cannot be reset: it would never be closed.
  const timer = setTimeout(() => (ends ? socket.destroy() : socket.resetAndDestroy()), PATIENCE)
  await closed
  clearTimeout(timer)
}

/** @throws if an honest client gets no answer, or not the right one */
async function probe(port: number): Promise<void> {
  const session = http2.connect(`http://127.0.0.1:${port}`)
  try {
    const failed = once(session, 'error').then(([error]) => Promise.reject(error))
    const answered = (async () => {
      const stream = session.request({ ':path': '/probe' })
      const [headers] = await once(stream, 'response')
      const body = (await stream.toArray()).join('')
      if (headers[':status'] !== 200 || body !== 'xxxxxx') throw new Error(`${headers[':status']} ${body}`)
    })()
    const late = wait(PROBE_PATIENCE, undefined, { ref: false }).then(() => Promise.reject(new Error('no answer')))
    await Promise.race([answered, failed, late])
  } finally {
    session.destroy()
  }
}

/**
 * Has clients with damaged connections talk HTTP/2 to a Limpet in a process of its own. Prints what they sent last, and ends the
 * process with code 1, as soon as Limpet or a worker of it ends, a server gets anything but requests, or an honest client gets no
 * answer.
 *
 * @returns how many connections there were
 */
export async function fuzzProxy(seed: number, seconds: number): Promise<number> {
  const endings: (() => unknown)[] = []
  const origin = await startOrigin((what) => fail(`a server gets what it cannot read: ${what}`))
  const limpet = await startLimpet(
    { after: (ending) => endings.push(ending as () => unknown) },
    {
      listeners: [{ address: '127.0.0.1', port: 0, h2c: true }],
      upstreams: { app: { servers: [`127.0.0.1:${origin.port}`] } },
      workers: 1,
      routes: [{ path: '/*', upstream: 'app' }],
      accessLog: 'off',
    },
  )
  const mutator = new FrameMutator(seed)
  const last: string[] = []
  const end = performance.now() + seconds * 1000
  let count = 0
  let isOver = false

  const fail = (fault: string) => {
    console.log(`Found a fault with seed ${seed}: ${fault}\n\n${limpet.errors.all.slice(-20).join('\n')}\n`)
    console.log(`The last connections, of which ${AT_ONCE} were open:\n${last.join('\n')}`)
    limpet.process.kill('SIGKILL')
    process.exit(1)
  }
  const clients = Array.from({ length: AT_ONCE }, async () => {
    while (performance.now() < end) {
      const bytes = mutator.next()
      last.push(bytes.toString('hex'))
      if (last.length > 4 * AT_ONCE) last.shift()
      await talk(limpet.port, pieces(bytes, mutator.cuts(bytes)), count++ % 4 > 0)
    }
  })
  const honest = (async () => {
    while (!isOver) {
      await probe(limpet.port).catch((error: Error) => fail(`an honest client fails: ${error.message}`))
      const death = limpet.errors.all.find((line) => / died /.test(line))
      if (death !== undefined) fail(death)
      await wait(PROBE_INTERVAL)
    }
  })()
  limpet.process.once('exit', (code) => {
    if (!isOver) fail(`Limpet ended with code ${code}`)
  })
  await Promise.all(clients)
  isOver = true
  await honest
  for (const ending of endings) await ending()
  origin.close()
  return count
}
