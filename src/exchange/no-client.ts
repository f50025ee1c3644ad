import type { ClientOrigin } from '../forwarding/client-origin.ts'
import type { BodyForm } from '../http1/body-decoder.ts'
import type { Downstream } from './downstream.ts'

/** Takes a response at any speed, and drops it. It has nothing more to send. */
export class NoClient implements Downstream {
  readonly origin: ClientOrigin
  readonly bodyLength = 0
  readonly bytesSent = 0
  readonly isFickle = false
  readonly room = Infinity

  constructor(origin: ClientOrigin) {
    this.origin = origin
  }

  respond(): BodyForm {
    return 'data'
  }

  flush(): boolean {
    return true
  }

  data(): void {}
  end(): void {}
  wantBody(): void {}
  holdBody(): void {}
  inform(): void {}
  upgrade(): void {}
  answer(): void {}
  finish(): void {}
  reset(): void {}
}
