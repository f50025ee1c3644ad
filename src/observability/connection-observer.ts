/** Is notified of what comes of clients' connections before they send requests. */
export interface ConnectionObserver {
  /** One was accepted, be it only to be turned away. */
  accepted(): void
  /** A TLS handshake has succeeded. */
  secured(isResumed: boolean): void
  /** A TLS handshake that had begun has not. */
  handshakeFailed(): void
}

export const NO_OBSERVER: ConnectionObserver = { accepted() {}, secured() {}, handshakeFailed() {} }
