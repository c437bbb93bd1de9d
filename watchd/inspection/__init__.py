"""What `watchd check` looks at, room by room, each finding with its remedy. The paid endpoint is never called."""
