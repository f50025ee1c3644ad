import type { SessionResponse } from '../affinity/affinity.ts'
import { parameterIn, unescaped } from '../http1/query.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { setCookiesIn } from '../http1/set-cookie.ts'

/** A response by its head, as affinities see it. */
export class ResponseView implements SessionResponse {
  head: ResponseHead
  endsSession = false

  constructor(head: ResponseHead) {
    this.head = head
  }

  get status(): number {
    return this.head.status
  }

  header(name: string): string | undefined {
    const field = this.head.findNamed(name)
    return field < 0 ? undefined : this.head.value(field)
  }

  setCookies(name: string, path: string, now: number): readonly string[] {
    return setCookiesIn(this.head, name, path, now)
  }

  redirectQuery(name: string): string | undefined {
    const { status } = this
    const target = status >= 300 && status < 400 ? this.header('location') : undefined
    const value = target && parameterIn(target.split('#', 1)[0]!, name)
    return value && unescaped(value)
  }
}
