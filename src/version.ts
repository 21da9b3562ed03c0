/** Set by build.ts from package.json. */
declare const VERSION: string;

/** The version of this program; "development" when it runs from its sources. */
export const version: string = typeof VERSION === "string" ? VERSION : "development";
