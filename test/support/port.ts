import { once } from 'node:events'
import { connect } from 'node:net'

/** Resolves when the port or Unix socket accepts connections, for programs that give no other sign. */
export async function answers(place: number | string): Promise<void> {
  for (;;) {
    const socket = connect(typeof place === 'string' ? { path: place } : { port: place, host: '127.0.0.1' })
    const connected = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (connected) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
