/**
 * What is wrong with the bytes of a message. `status` is what a client is told when the message was its request;
 * a response that breaks the rules is a 502 whatever this says.
 */
export class MessageError extends Error {
  override readonly name = 'MessageError'
  readonly status: 400 | 413 | 414 | 417 | 431 | 501 | 505

  constructor(message: string, status: MessageError['status'] = 400) {
    super(message)
    this.status = status
  }
}
