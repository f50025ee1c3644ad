import { type OwnResponse, ownResponse, type Particulars } from './own-response.ts'

/** A permanent redirect (RFC 9110 §15.4.2). A location without a host is right behind any other proxy, too. */
export function redirect(location: string, particulars: Particulars): OwnResponse {
  return ownResponse(301, [`Location: ${location}`], Buffer.alloc(0), particulars)
}
