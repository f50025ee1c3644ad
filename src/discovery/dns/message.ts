import packet, { type Answer, type DecodedPacket } from 'dns-packet'

export type RecordType = 'A' | 'AAAA' | 'SRV'

export interface Question {
  /** From 0 to 65535, and hard to guess. */
  readonly id: number
  readonly name: string
  readonly type: RecordType
}

export type DnsRecord = Answer

/** An answer to a question. */
export interface Message {
  /** Whether it did not fit: the same question by TCP gets all of it. */
  readonly isTruncated: boolean
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL`, `REFUSED` and others. */
  readonly rcode: string
  readonly answers: readonly DnsRecord[]
  readonly additionals: readonly DnsRecord[]
}

/** The size of answers that pass all networks in one piece, in bytes (dnsflagday.net/2020). */
const UDP_SIZE = 1232
/** Before the question, in bytes. */
const HEADER = 12
const IS_ANSWER = 0x80
const IS_TRUNCATED = 0x02

/** @param isExtended whether it says how long an answer may be (EDNS0, RFC 6891), which old servers do not understand */
export function encodeQuestion({ id, name, type }: Question, isExtended: boolean): Buffer {
  return packet.encode({
    type: 'query',
    id,
    flags: packet.RECURSION_DESIRED,
    questions: [{ type, name, class: 'IN' }],
    ...(isExtended && {
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: UDP_SIZE,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ],
    }),
  })
}

/**
 * Reads an answer.
 *
 * @returns undefined if it is not one to this question, and so none of the server that was asked
 * @throws Error if it has the question's id and cannot be understood
 */
export function decodeAnswer(bytes: Buffer, { id, name, type }: Question): Message | undefined {
  if (bytes.length < HEADER || bytes.readUInt16BE(0) !== id || (bytes[2]! & IS_ANSWER) === 0) return undefined
  // It may end in the middle of a record.
  if ((bytes[2]! & IS_TRUNCATED) !== 0) return { isTruncated: true, rcode: 'NOERROR', answers: [], additionals: [] }
  const { rcode, questions, answers, additionals } = decode(bytes)
  const [question] = questions ?? []
  // Servers that cannot read a question do not repeat it.
  const isRefusal = question === undefined && rcode !== 'NOERROR' && rcode !== 'NXDOMAIN'
  const isSame = question?.type === type && isSameName(question.name, name)
  if (!isSame && !isRefusal) return undefined
  return { isTruncated: false, rcode, answers: answers ?? [], additionals: additionals ?? [] }
}

function decode(bytes: Buffer): DecodedPacket & { readonly rcode: string } {
  try {
    return packet.decode(bytes) as DecodedPacket & { readonly rcode: string }
  } catch {
    throw new Error('an answer that cannot be understood')
  }
}

/** Names in the DNS differ in more than the case of letters (RFC 4343). */
export function isSameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}
