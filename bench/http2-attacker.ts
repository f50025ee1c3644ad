// A thread that attacks a proxy until it is terminated: it must not delay the clients whose response times are measured.
import { once } from 'node:events'
import { connect } from 'node:tls'
import { workerData } from 'node:worker_threads'
import { attacks, START } from './http2-attacks.ts'

const CONNECTIONS = 8
const PIECE = 64 * 1024
/** Before an attacker whose connection was closed opens the next one, in ms: it is not an attack by handshakes. */
const PAUSE = 50

const { port, name } = workerData as { port: number; name: string }
const { of, reads, holds } = attacks.find((attack) => attack.name === name)!
const bytes = Buffer.concat([START, of()])

for (let each = 0; each < CONNECTIONS; each++) void attackOn()

async function attackOn(): Promise<void> {
  for (;;) {
    await attackOnce()
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
  }
}

/** Sends everything at the pace that the proxy takes it. Resolves when the connection is closed. */
async function attackOnce(): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false })
  socket.on('error', () => socket.destroy())
  const closed = new Promise((resolve) => socket.on('close', resolve))
  if (reads) socket.resume()
  for (let at = 0; at < bytes.length && !socket.destroyed; at += PIECE) {
    if (socket.write(bytes.subarray(at, at + PIECE))) continue
    await Promise.race([once(socket, 'drain').catch(() => undefined), closed])
  }
  if (!holds) socket.end()
  await closed
}
