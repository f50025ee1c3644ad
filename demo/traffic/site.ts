/** What the users of the demo visit. */
export interface Site {
  readonly url: URL
  /** The certificate of the authority that they trust, where the site has HTTPS. */
  readonly ca: Buffer | undefined
}
