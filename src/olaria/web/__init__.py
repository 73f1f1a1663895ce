"""The studio: one local application in the browser, over the same requests and workflows as the command line."""
