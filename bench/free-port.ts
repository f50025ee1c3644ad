import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'

/** Lower ports belong to well-known services. */
const LOWEST = 10_000

const given = new Set<number>()

/**
 * A port that is free on all addresses, for programs that cannot listen on port 0; never the same one twice. It is outside
 * the range for outgoing connections, so that no connection takes it before the program does.
 */
export async function freePort(): Promise<number> {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '32768')
  const above = Number.parseInt(range, 10)
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (above - LOWEST))
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port)
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  await once(server.close(), 'close')
  return true
}
