/** What is wrong with a message, in terms of what a client is answered whose request it was. */
export type MessageFault = 'bad-request' | 'target-too-long' | 'head-too-large' | 'not-implemented' | 'version-unknown'

/** The bytes of a message break the rules. Of a response, `fault` says nothing: that is a 502 whatever is wrong with it. */
export class MessageError extends Error {
  override readonly name = 'MessageError'
  readonly fault: MessageFault

  constructor(message: string, fault: MessageFault = 'bad-request') {
    super(message)
    this.fault = fault
  }
}
