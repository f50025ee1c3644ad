import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'

export interface DnsSockets {
  readonly port: number
  readonly udp: Socket
  readonly tcp: Server
}

/** Sockets of UDP and TCP with one port, on 127.0.0.1: a port that is free for one may be taken for the other. */
export async function dnsSockets(): Promise<DnsSockets> {
  for (;;) {
    const tcp = createServer().listen(0, '127.0.0.1')
    await once(tcp, 'listening')
    const { port } = tcp.address() as AddressInfo
    const udp = createSocket('udp4').bind(port, '127.0.0.1')
    try {
      await once(udp, 'listening')
      return { port, udp, tcp }
    } catch {
      tcp.close()
    }
  }
}

/** A port that is free for UDP and TCP. */
export async function freeDnsPort(): Promise<number> {
  const { port, udp, tcp } = await dnsSockets()
  udp.close()
  tcp.close()
  await Promise.all([once(udp, 'close'), once(tcp, 'close')])
  return port
}
