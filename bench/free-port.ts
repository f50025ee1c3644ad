import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'

/** Ports below it belong to well-known services. */
const LOWEST = 10_000

const given = new Set<number>()

/**
 * A port that was free a moment ago on all addresses, for programs that cannot take any; never the same one twice. It is
 * none of those that the system gives to outgoing connections, so that nothing takes it by chance in the meantime.
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
