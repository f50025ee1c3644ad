/** What is wrong with a message, as the client is told whose request it was. */
export type MessageFault = 'bad-request' | 'target-too-long' | 'head-too-large' | 'not-implemented' | 'version-unknown'

/** The bytes of a message break the rules. A response that does is a 502 whatever `fault` is. */
export class MessageError extends Error {
  override readonly name = 'MessageError'
  readonly fault: MessageFault

  constructor(message: string, fault: MessageFault = 'bad-request') {
    super(message)
    this.fault = fault
  }
}
