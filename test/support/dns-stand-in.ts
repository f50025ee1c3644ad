import type { TestContext } from 'node:test'
import packet, { type Packet } from 'dns-packet'
import { dnsSockets } from './dns-sockets.ts'

/** Answers a question with as many messages as it likes. */
export type Script = (question: Packet, byTcp: boolean) => readonly (Buffer | Packet)[]

/** A DNS server that says what a test has it say, by UDP and TCP. Ends with the test. Resolves to its address. */
export async function standInForDns(test: TestContext, script: Script): Promise<string> {
  const { port, udp, tcp } = await dnsSockets()
  udp.on('message', (bytes, { port: from, address }) => {
    for (const message of script(packet.decode(bytes), false)) udp.send(bytesOf(message), from, address)
  })
  tcp.on('connection', (socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => {
      for (const message of script(packet.streamDecode(bytes)!, true)) {
        const body = bytesOf(message)
        const length = Buffer.alloc(2)
        length.writeUInt16BE(body.length)
        socket.write(Buffer.concat([length, body]))
      }
    })
  })
  test.after(() => {
    udp.close()
    tcp.close()
  })
  return `127.0.0.1:${port}`
}

/** A good answer to a question, to be changed by the test. */
export function answerTo(
  { id, questions }: Packet,
  answers: Packet['answers'] = [],
  more: Partial<Packet> = {},
): Packet {
  return {
    type: 'response',
    id: id!,
    flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE,
    questions: questions!,
    answers,
    ...more,
  }
}

function bytesOf(message: Buffer | Packet): Buffer {
  return Buffer.isBuffer(message) ? message : packet.encode(message)
}
