"""The pure session core: decides when each event may go upstream."""
